-- count_claimable: Steps that are READY or RUNNING, by kind.
SELECT kind, phase, count(*) AS number, sum(CASE WHEN failures > 0 THEN 1 ELSE 0 END) AS failing
FROM step
WHERE phase IN ('READY', 'RUNNING') GROUP BY kind, phase ORDER BY kind, phase;

-- oldest_due: Since when the step has been free that nobody has claimed for longest.
SELECT min(free_at) AS free_at FROM step WHERE phase IN ('READY', 'RUNNING');

-- count_sessions: Sessions that have not ended, by phase.
SELECT phase, count(*) AS number FROM session
WHERE phase {among:phases} GROUP BY phase ORDER BY phase;

-- booked_now: What is booked at this instant, held or confirmed; what of that is late to be released (B6).
SELECT p.name AS platform, b.amount_name,
       sum(CASE WHEN b.session_id IS NULL THEN b.amount ELSE 0 END) AS held,
       sum(CASE WHEN b.session_id IS NULL THEN 0 ELSE b.amount END) AS confirmed,
       sum(CASE WHEN b.end_second > :now_second THEN 0 ELSE b.amount END) AS late
FROM booking AS b JOIN platform AS p ON p.id = b.platform_id
WHERE b.ended_at IS NULL AND (b.expires_at IS NULL OR b.expires_at > :now)
  AND b.start_second <= :now_second
  AND (b.end_second > :now_second OR b.session_id IS NOT NULL AND b.component <> 'outputs')
GROUP BY p.name, b.amount_name ORDER BY p.name, b.amount_name;
