-- add_platform: Make the capacity row of a configured platform, once.
INSERT INTO platform (name, capacity) VALUES (:name, :capacity)
ON CONFLICT (name) DO NOTHING;

-- platforms: Every platform, with its last report.
SELECT id, name, version, capacity, overcommitted, capability, reported_at
FROM platform ORDER BY id;

-- lock_platforms: Take the capacity locks, in id order (B4).
SELECT id, name, version, capacity, overcommitted
FROM platform WHERE id {among:ids} ORDER BY id {for_update};

-- advance_platform: The next version, so that every cached calendar catches up.
UPDATE platform SET version = version + 1 WHERE id = :platform
RETURNING version;

-- save_report: Store a capability report and the capacity it brings.
UPDATE platform
SET capability = :capability, capacity = :capacity, overcommitted = :overcommitted,
    reported_at = :now, version = version + 1
WHERE id = :platform;
