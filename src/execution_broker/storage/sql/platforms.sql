-- add_platform: Make the capacity row of a configured platform, once.
INSERT INTO platform (name, capacity) VALUES (:name, :capacity)
ON CONFLICT (name) DO NOTHING;

-- platforms: Every platform, with its last report.
SELECT id, name, version, capacity, capability, reported_at, decided_at FROM platform ORDER BY id;

-- platforms_now: Every platform with its last report, what time it is, and since when the step of some kinds is due there that nobody has claimed for longest; one row without a platform where there is none.
SELECT p.id, p.name, p.version, p.capacity, p.capability, p.reported_at, p.decided_at,
       this.read_at, (
           SELECT step.free_at FROM step
           WHERE step.phase IN ('READY', 'RUNNING') AND step.free_at <= this.read_at
             AND step.platform_id = p.id AND step.kind {among:kinds}
           ORDER BY step.free_at LIMIT 1
       ) AS free_at
FROM (SELECT {clock} AS read_at) AS this LEFT JOIN platform AS p ON 1 = 1 ORDER BY p.id;

-- lock_platforms: Take the capacity locks, in id order (B4); what time it is once each is taken (B5).
WITH locked AS (
    SELECT id, name, version, capacity, decided_at FROM platform
    WHERE id {among:ids} ORDER BY id {for_update}
)
SELECT locked.*, {clock} AS locked_at FROM locked;

-- lock_free_platforms: Take those capacity locks that nobody has, as lock_platforms does.
WITH locked AS (
    SELECT id, name, version, capacity, decided_at
    FROM platform WHERE id {among:ids} ORDER BY id {skip_locked}
)
SELECT locked.*, {clock} AS locked_at FROM locked;

-- decide_platform: The version and time of a decision that was made under the lock.
UPDATE platform SET version = :version, decided_at = :now WHERE id = :platform;

-- save_report: Store a capability report and the capacity it brings, decided under the lock.
UPDATE platform
SET capability = :capability, capacity = :capacity, reported_at = :now, version = :version,
    decided_at = :now
WHERE id = :platform;

-- capacities: What there is of each amount now, and since when.
SELECT amount_name, amount, set_at FROM capacity
WHERE platform_id = :platform ORDER BY set_at;

-- set_capacity: From now on there is this much of an amount.
INSERT INTO capacity (platform_id, amount_name, set_at, amount)
VALUES (:platform, :name, :now, :amount);
