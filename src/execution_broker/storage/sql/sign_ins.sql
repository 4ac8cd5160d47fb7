-- tallies: What is counted under some keys.
SELECT key, forgiven_second, known_until_second FROM sign_in WHERE key {among:keys};

-- count_wrong: Count one wrong password, from now on or behind those that are not forgiven yet.
INSERT INTO sign_in (key, forgiven_second, known_until_second) VALUES (:key, :alone, 0)
ON CONFLICT (key) DO UPDATE SET forgiven_second = CASE
    WHEN sign_in.forgiven_second < :now THEN :alone ELSE sign_in.forgiven_second + :cost END;

-- know_place: Remember for so long that somebody signs in from there.
INSERT INTO sign_in (key, forgiven_second, known_until_second) VALUES (:key, 0, :until)
ON CONFLICT (key) DO UPDATE SET known_until_second = :until;

-- forget_sign_ins: Delete some that have meant nothing for so long.
DELETE FROM sign_in
WHERE key IN (
    SELECT key FROM sign_in
    WHERE forgiven_second < :before_second AND known_until_second < :before_second
    LIMIT :limit
);
