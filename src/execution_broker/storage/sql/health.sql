-- waiting_for_workers: Steps that are due, and leases that have lapsed, with nobody to take them.
SELECT sum(CASE WHEN phase = 'READY' THEN 1 ELSE 0 END) AS overdue,
       min(CASE WHEN phase = 'READY' THEN free_at END) AS oldest_at,
       sum(CASE WHEN phase = 'RUNNING' THEN 1 ELSE 0 END) AS lapsed
FROM step
WHERE phase IN ('READY', 'RUNNING') AND free_at <= :now;

-- late_to_be_released: On each platform the sessions that were to be released of something by now, and since when (B6).
SELECT p.name, count(DISTINCT b.session_id) AS sessions, min(b.end_second) AS since_second
FROM booking AS b JOIN platform AS p ON p.id = b.platform_id
WHERE b.session_id IS NOT NULL AND b.ended_at IS NULL AND b.component <> 'outputs'
  AND b.end_second <= :now_second
GROUP BY p.name ORDER BY p.name;
