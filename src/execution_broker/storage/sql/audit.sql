-- audited_capacities: What there was of each amount, and since when.
SELECT p.name AS platform, c.amount_name, c.amount, c.set_at
FROM capacity AS c JOIN platform AS p ON p.id = c.platform_id
ORDER BY c.platform_id, c.amount_name, c.set_at;

-- audited_bookings: The next of every booking there ever was.
SELECT b.id, p.name AS platform, b.amount_name, b.amount, b.start_second, b.end_second,
       b.shared_second,
       CASE WHEN b.session_id IS NOT NULL AND b.component <> 'outputs' THEN 1 ELSE 0 END
           AS ends_with_release,
       b.made_at, b.expires_at, b.ended_at
FROM booking AS b JOIN platform AS p ON p.id = b.platform_id
WHERE b.id > :after
ORDER BY b.id
LIMIT :limit;

-- accepted_twice: Offer sets of which more than one offer was accepted.
SELECT o.uuid, count(*) AS number
FROM session AS s JOIN offerset AS o ON o.id = s.offerset_id
WHERE s.accepted_at IS NOT NULL
GROUP BY o.uuid HAVING count(*) > 1
ORDER BY o.uuid;

-- booked_though_released: Sessions that need nothing any more and still book something.
SELECT DISTINCT s.uuid, s.phase, p.name AS platform, b.amount_name
FROM booking AS b
JOIN session AS s ON s.id = b.session_id
JOIN platform AS p ON p.id = b.platform_id
WHERE b.ended_at IS NULL AND b.component <> 'outputs'
  AND (s.released_at IS NOT NULL OR s.accepted_at IS NULL)
ORDER BY s.uuid, b.amount_name;

-- held_though_answered: Offer sets that still hold something though none of their offers is open.
SELECT DISTINCT o.uuid, p.name AS platform, b.amount_name
FROM booking AS b
JOIN offerset AS o ON o.id = b.offerset_id
JOIN platform AS p ON p.id = b.platform_id
WHERE b.session_id IS NULL AND b.ended_at IS NULL AND b.expires_at > :now
  AND NOT EXISTS (
    SELECT 1 FROM session AS s WHERE s.offerset_id = o.id AND s.phase = 'OFFERED'
)
ORDER BY o.uuid, b.amount_name;

-- accepted_without_booking: Sessions that are promised their compute and do not book it.
SELECT s.uuid, p.name AS platform
FROM session AS s JOIN platform AS p ON p.id = s.platform_id
WHERE s.accepted_at IS NOT NULL AND s.ended_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM booking AS b
    WHERE b.session_id = s.id AND b.component = 'compute' AND b.ended_at IS NULL
)
ORDER BY s.uuid;
