-- What became of each purchase in line: the order that it became, or why it was refused. It is said once. Whoever comes
-- second with another word, because a queue may hand the same entry to two workers, finds the first one here. An id begins
-- with its time, so that the oldest rows are a range of the table; they go after two days.
CREATE TABLE decided_requests (
    request_id UUID   NOT NULL PRIMARY KEY,
    buyer_id   UUID   NOT NULL,
    order_id   UUID,
    refusal    TEXT   COLLATE "C" CHECK (refusal <> ''),
    decided_at BIGINT NOT NULL,
    CHECK ((order_id IS NULL) <> (refusal IS NULL))
);

CREATE FUNCTION refuse_to_decide_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a request is decided once';
END $$;

CREATE TRIGGER a_request_is_decided_once BEFORE UPDATE ON decided_requests
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_decide_again();
