-- intend: Record that an external thing is about to be made (S10).
INSERT INTO receipt (session_id, platform_id, component, name, intended_at)
VALUES (:session, :platform, :component, :name, :now)
ON CONFLICT (session_id, component) DO NOTHING;

-- made: Record the handle of what was made.
UPDATE receipt SET handle = :handle, made_at = :now
WHERE session_id = :session AND component = :component;

-- gone: Record that it is gone.
UPDATE receipt SET gone_at = :now
WHERE session_id = :session AND component = :component AND gone_at IS NULL;

-- receipts: What was made for some sessions, and what is gone again.
SELECT session_id, component, name, handle, intended_at, made_at, gone_at
FROM receipt WHERE session_id {among:sessions} ORDER BY id;

-- lost_things: Open receipts on a platform, of sessions that have nothing to do any more.
SELECT DISTINCT s.uuid, r.component
FROM receipt AS r JOIN session AS s ON s.id = r.session_id
WHERE r.platform_id = :platform AND r.gone_at IS NULL AND s.ended_at IS NOT NULL
  AND NOT EXISTS (
    SELECT 1 FROM step
    WHERE step.session_id = s.id AND step.phase IN ('DORMANT', 'WAITING', 'READY', 'RUNNING')
)
ORDER BY s.uuid, r.component;

-- stream_totals: How many bytes of each stream of some sessions are known.
SELECT session_id, name, total FROM stream WHERE session_id {among:sessions};

-- save_stream_total: How many bytes a stream has had so far.
INSERT INTO stream (session_id, name, total) VALUES (:session, :name, :total)
ON CONFLICT (session_id, name) DO UPDATE SET total = excluded.total
WHERE excluded.total > stream.total;

-- add_chunk: Keep some bytes of a stream.
INSERT INTO chunk (session_id, name, start, data) VALUES (:session, :name, :start, :data)
ON CONFLICT (session_id, name, start) DO NOTHING;

-- drop_chunks: Forget the middle of a long stream.
DELETE FROM chunk
WHERE session_id = :session AND name = :name AND start >= :first AND start < :last;

-- chunks: What is kept of a stream beyond an offset, in order.
SELECT start, data FROM chunk
WHERE session_id = :session AND name = :name AND start + length(data) > :offset ORDER BY start;

-- add_output: List an output that was kept.
INSERT INTO output (session_id, path, size, sha256) VALUES (:session, :path, :size, :sha256)
ON CONFLICT (session_id, path) DO UPDATE SET size = excluded.size, sha256 = excluded.sha256;

-- collecting: Whether the outputs of a session are still to be collected.
SELECT 1 AS found FROM step
WHERE session_id = :session AND kind = :kind
  AND phase IN ('DORMANT', 'WAITING', 'READY', 'RUNNING');

-- outputs: The kept outputs of a session.
SELECT path, size, sha256 FROM output WHERE session_id = :session ORDER BY path;
