-- add_timing: How long something took on a platform.
INSERT INTO timing (platform_id, name, value) VALUES (:platform, :name, :value);

-- timings: What is remembered of a platform, the oldest first.
SELECT name, value FROM timing WHERE platform_id = :platform ORDER BY id;

-- forget_timings: Delete all but the newest of each kind.
DELETE FROM timing
WHERE platform_id = :platform AND id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY name ORDER BY id DESC) AS age
        FROM timing WHERE platform_id = :platform
    ) AS aged
    WHERE age > :kept
);
