-- waiting_for_workers: Steps that are due, and leases that have lapsed, with nobody to take them.
SELECT sum(CASE WHEN phase = 'READY' THEN 1 ELSE 0 END) AS overdue,
       min(CASE WHEN phase = 'READY' THEN free_at END) AS oldest_at,
       sum(CASE WHEN phase = 'RUNNING' THEN 1 ELSE 0 END) AS lapsed
FROM step
WHERE phase IN ('READY', 'RUNNING') AND free_at <= :now;
