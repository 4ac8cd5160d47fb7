-- add_step: Store a step.
INSERT INTO step (
    uuid, session_id, platform_id, kind, key, component, phase, needs, due_at, free_at, created_at
) VALUES (
    :uuid, :session, :platform, :kind, :key, :component, :phase, :needs, :due, :due, :now
);

-- add_unique_step: Store a step that exists once by its unique key.
INSERT INTO step (
    uuid, platform_id, kind, key, unique_key, phase, due_at, free_at, payload, created_at
) VALUES (:uuid, :platform, :kind, :key, :key, 'READY', :due, :due, :payload, :now)
ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING;

-- claim_steps: Lease the steps that have been free longest to one processor (S3), not for ever.
UPDATE step
SET phase = 'RUNNING', processor_uuid = :processor, free_at = {clock} + :lease,
    attempt = attempt + 1, lapses = lapses + CASE WHEN phase = 'RUNNING' THEN 1 ELSE 0 END
WHERE {row} {any_start}
    SELECT {row} FROM step
    WHERE phase IN ('READY', 'RUNNING') AND free_at <= (SELECT {clock})
      AND kind {among:kinds}
      AND (platform_id IS NULL OR platform_id {among:platforms})
    ORDER BY free_at LIMIT :limit {skip_locked}
{any_end} AND {soon}
RETURNING id, uuid, session_id, platform_id, kind, key, component, attempt, failures, lapses,
          delays, payload, due_at, {clock} AS now_at;

-- next_free: When the next step will be due or lapse, and what time it is.
SELECT min(free_at) AS free_at, {clock} AS now_at
FROM step
WHERE phase IN ('READY', 'RUNNING') AND kind {among:kinds}
  AND (platform_id IS NULL OR platform_id {among:platforms});

-- renew_leases: Keep the leases of one processor.
UPDATE step SET free_at = :until
WHERE id {among:ids} AND phase = 'RUNNING' AND processor_uuid = :processor
RETURNING id, attempt;

-- overtaken_steps: Of these running steps, those whose session has ended meanwhile.
SELECT step.id FROM step JOIN session ON session.id = step.session_id
WHERE step.id {among:ids} AND session.ended_at IS NOT NULL AND NOT step.kind {among:releases};

-- sleeping_steps: All steps of some sessions, by which those know that wait for others (S7).
SELECT id, session_id, kind, key, phase, needs, due_at FROM step
WHERE session_id {among:sessions};

-- wake_step: Make READY what waits for nothing any more: due from now on, if not later.
UPDATE step
SET phase = 'READY', due_at = CASE WHEN due_at > :now THEN due_at ELSE :now END,
    free_at = CASE WHEN due_at > :now THEN due_at ELSE :now END
WHERE id = :id AND phase = 'DORMANT';

-- poke: Let what is put back, and upkeep, look now; a timer only where it failed and waits to retry.
UPDATE step SET due_at = :now, free_at = :now
WHERE phase = 'READY' AND free_at > :now AND (failures > 0 OR NOT kind {among:timers});

-- end_step: Give a step its end phase.
UPDATE step SET phase = :phase, ended_at = :now, processor_uuid = NULL, free_at = NULL
WHERE id = :id;

-- end_step_with: Give a step its end phase and its result.
UPDATE step
SET phase = :phase, result = :result, ended_at = :now, processor_uuid = NULL, free_at = NULL
WHERE id = :id;

-- put_back: Return a step to the queue (S5).
UPDATE step
SET phase = 'READY', due_at = :due, free_at = :due, failures = :failures, delays = :delays,
    payload = :payload, processor_uuid = NULL,
    lapses = CASE WHEN :failures = 0 THEN 0 ELSE lapses END
WHERE id = :id;

-- empty_step: Forget the payload of a step.
UPDATE step SET payload = '{}' WHERE id = :id;

-- set_due: When a step of a session is due. One that is leased looks for itself.
UPDATE step SET due_at = :due, free_at = :due
WHERE session_id = :session AND key = :key AND phase IN ('DORMANT', 'WAITING', 'READY');

-- failing_step: A step of a session that has failed and is tried again.
SELECT id FROM step
WHERE session_id = :session AND key = :key AND phase IN ('READY', 'RUNNING') AND failures > 0;

-- cancel_unclaimed: Cancel what nobody works on.
UPDATE step SET phase = 'CANCELLED', ended_at = :now
WHERE session_id {among:sessions} AND phase IN ('DORMANT', 'WAITING', 'READY')
  AND NOT kind {among:releases};

-- cancel_all: Cancel what has not ended, also what somebody works on.
UPDATE step SET phase = 'CANCELLED', ended_at = :now, processor_uuid = NULL, free_at = NULL
WHERE session_id = :session AND phase IN ('DORMANT', 'WAITING', 'READY', 'RUNNING');

-- step_result: What became of a step that exists once by its unique key.
SELECT id, phase, result, ended_at FROM step WHERE unique_key = :key;

-- revive: Let a unique step that has ended run once more.
UPDATE step
SET phase = 'READY', due_at = :now, free_at = :now, payload = :payload, result = NULL,
    ended_at = NULL, failures = 0, lapses = 0
WHERE unique_key = :key AND phase IN ('COMPLETED', 'FAILED', 'CANCELLED');

-- forget_steps: Delete some steps without a session that ended long ago.
DELETE FROM step
WHERE id {any_start}
    SELECT id FROM step
    WHERE session_id IS NULL AND ended_at IS NOT NULL AND ended_at < :before
    LIMIT :limit
{any_end};
