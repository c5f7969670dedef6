-- What became of each purchase in line: the order that it became, or why it was refused. It is said once. Whoever comes
-- second with another word, because a queue may hand the same entry to two workers, finds the first one here. An id begins
-- with its time, so that the oldest rows are a range of the table; they go after two days.
CREATE TABLE decided_requests (
    request_id BLOB    NOT NULL PRIMARY KEY CHECK (length(request_id) = 16),
    buyer_id   BLOB    NOT NULL CHECK (length(buyer_id) = 16),
    order_id   BLOB    CHECK (length(order_id) = 16),
    refusal    TEXT    CHECK (refusal <> ''),
    decided_at INTEGER NOT NULL,
    CHECK ((order_id IS NULL) <> (refusal IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER a_request_is_decided_once BEFORE UPDATE ON decided_requests
BEGIN
    SELECT RAISE(ABORT, 'a request is decided once');
END;
