-- uploaded: What the uploads of an identity take, in bytes, and when the first of them expires.
SELECT coalesce(sum(size), 0) AS size, min(expires_at) AS expires_at FROM upload
WHERE identity_id = :identity AND expires_at > :now;

-- add_upload: Reserve room for an upload.
INSERT INTO upload (uuid, identity_id, name, size, created_at, expires_at)
VALUES (:uuid, :identity, :name, :size, :now, :expires) RETURNING id;

-- add_upload_chunk: Keep the next bytes of an upload.
INSERT INTO upload_chunk (upload_id, number, data) VALUES (:upload, :number, :data);

-- complete_upload: All bytes of an upload are here.
UPDATE upload SET sha256 = :sha256, expires_at = :expires WHERE id = :upload;

-- same_upload: A complete upload of an identity with this name and content.
SELECT uuid, name, size, sha256, created_at, expires_at FROM upload
WHERE identity_id = :identity AND name = :name AND sha256 = :sha256 AND expires_at > :now
ORDER BY id LIMIT 1;

-- keep_upload: Keep an upload at least until then.
UPDATE upload SET expires_at = :expires WHERE uuid = :uuid AND expires_at < :expires;

-- uploads: The complete uploads of an identity, the newest first.
SELECT uuid, name, size, sha256, created_at, expires_at FROM upload
WHERE identity_id = :identity AND sha256 IS NOT NULL AND expires_at > :now
ORDER BY id DESC LIMIT :limit;

-- uploads_of: Which of these uploads an identity has, complete.
SELECT uuid, name, size, sha256, created_at, expires_at FROM upload
WHERE identity_id = :identity AND uuid {among:uuids} AND sha256 IS NOT NULL AND expires_at > :now;

-- upload_size: The size of a complete upload.
SELECT id, size FROM upload WHERE uuid = :uuid AND sha256 IS NOT NULL AND expires_at > :now;

-- upload_chunk: Some bytes of an upload.
SELECT data FROM upload_chunk WHERE upload_id = :upload AND number = :number;

-- remove_upload: Delete an upload of an identity.
DELETE FROM upload WHERE uuid = :uuid AND identity_id = :identity;

-- forget_uploads: Delete some uploads that nobody can use any more.
DELETE FROM upload WHERE id IN (SELECT id FROM upload WHERE expires_at <= :now LIMIT :limit);
