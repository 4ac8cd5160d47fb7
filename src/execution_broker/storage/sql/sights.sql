-- sights_of_sessions: What tells those who have read some sessions whether to read them again.
SELECT s.uuid, s.identity_id, s.revision, p.version, p.reported_at, {clock} AS read_at
FROM session AS s JOIN platform AS p ON p.id = s.platform_id
WHERE s.uuid {among:uuids};

-- sights_of_offersets: What tells those who have read some answers whether to read them again.
SELECT o.uuid, o.identity_id, count(s.id) AS offers,
       CAST(coalesce(sum(s.revision), 0) AS bigint) AS revision,
       CAST(coalesce(sum(p.version), 0) AS bigint) AS version,
       max(p.reported_at) AS reported_at, {clock} AS read_at
FROM offerset AS o
LEFT JOIN session AS s ON s.offerset_id = o.id
LEFT JOIN platform AS p ON p.id = s.platform_id
WHERE o.uuid {among:uuids}
GROUP BY o.id;
