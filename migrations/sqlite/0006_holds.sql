-- Units that are set aside for a buyer until a time.

-- How often, and by how many seconds each time, a buyer may extend a hold of this sale.
ALTER TABLE sales ADD COLUMN hold_extension_seconds INTEGER NOT NULL DEFAULT 60
    CHECK (hold_extension_seconds BETWEEN 1 AND 86400);
ALTER TABLE sales ADD COLUMN hold_extensions INTEGER NOT NULL DEFAULT 10 CHECK (hold_extensions BETWEEN 0 AND 100);
-- For how long a hold lives on at least from the moment at which its payment begins.
ALTER TABLE sales ADD COLUMN payment_grace_seconds INTEGER NOT NULL DEFAULT 300
    CHECK (payment_grace_seconds BETWEEN 0 AND 86400);
-- Whether units are bought at once, or held and then paid.
ALTER TABLE sales ADD COLUMN checkout TEXT NOT NULL DEFAULT 'instant' CHECK (checkout IN ('instant', 'paid'));
-- Whether a buyer is asked how they can be reached.
ALTER TABLE sales ADD COLUMN contact TEXT NOT NULL DEFAULT 'optional' CHECK (contact IN ('none', 'optional', 'required'));

-- The prices from a part of the stock on that is held or sold, as JSON: [{"sold_percent": 50, "price": 2000}]. Null where the
-- price is always the same.
ALTER TABLE tiers ADD COLUMN price_steps TEXT CHECK (price_steps <> '');

-- How the buyer can be reached. Null where they did not say.
ALTER TABLE orders ADD COLUMN contact_email TEXT CHECK (contact_email <> '');
ALTER TABLE orders ADD COLUMN contact_name TEXT CHECK (contact_name IS NULL OR contact_name <> '' AND contact_email IS NOT NULL);

CREATE TABLE holds (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    sale_id    INTEGER NOT NULL REFERENCES sales (id),
    buyer_id   BLOB    NOT NULL CHECK (length(buyer_id) = 16),
    status     TEXT    NOT NULL CHECK (status IN ('active', 'paying', 'confirmed', 'released', 'expired')),
    currency   TEXT    NOT NULL,
    -- How well the seats stand together that were picked for the buyer; null where none were.
    rung       TEXT    CHECK (rung IN ('together', 'orphan', 'rows', 'scattered')),
    -- The ledger position of the newest change of what is held.
    seq        INTEGER NOT NULL CHECK (seq > 0),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- From when on others may release it: later than its end where a payment is under way.
    due_at     INTEGER NOT NULL,
    extensions_left INTEGER NOT NULL CHECK (extensions_left BETWEEN 0 AND 100),
    -- The sale's terms when the hold was made: by how much an extension moves its end, for how long it lives on at least from
    -- the moment at which its payment begins, and whether its buyer is asked how they can be reached.
    extension_seconds INTEGER NOT NULL CHECK (extension_seconds BETWEEN 1 AND 86400),
    payment_grace_seconds INTEGER NOT NULL CHECK (payment_grace_seconds BETWEEN 0 AND 86400),
    contact    TEXT NOT NULL CHECK (contact IN ('none', 'optional', 'required')),
    ended_at   INTEGER,
    -- The key that the buyer sent, the fingerprint of the route and body that it came with, and the answer that it got. Null
    -- where none was sent, and once the answer is past its time.
    key             TEXT CHECK (length(key) BETWEEN 1 AND 255),
    key_fingerprint BLOB CHECK (length(key_fingerprint) = 16),
    answer          TEXT,
    CHECK (created_at <= expires_at AND expires_at <= due_at),
    CHECK ((ended_at IS NULL) = (status IN ('active', 'paying'))),
    CHECK ((key IS NULL) = (key_fingerprint IS NULL) AND (key IS NULL) = (answer IS NULL))
) STRICT, WITHOUT ROWID;

-- Only live holds are in these indexes, so they stay small however many holds there were.
CREATE INDEX holds_by_time ON holds (sale_id, due_at) WHERE ended_at IS NULL;
CREATE INDEX live_holds_by_buyer ON holds (buyer_id, sale_id) WHERE ended_at IS NULL;
CREATE INDEX ended_holds ON holds (ended_at) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX one_hold_per_key ON holds (key, buyer_id) WHERE key IS NOT NULL;
-- As for orders.
CREATE UNIQUE INDEX one_hold_per_key_of_heirs ON holds (key, substr(buyer_id, 1, 10))
    WHERE key IS NOT NULL AND substr(buyer_id, 7, 1) BETWEEN x'80' AND x'8f';

CREATE TABLE hold_items (
    hold_id       BLOB    NOT NULL REFERENCES holds (id),
    number        INTEGER NOT NULL,
    sale_id       INTEGER NOT NULL,
    tier_id       INTEGER NOT NULL REFERENCES tiers (id),
    -- The seat's position; null for general admission.
    seat_position INTEGER,
    quantity      INTEGER NOT NULL CHECK (quantity > 0),
    -- Of one unit.
    price         INTEGER NOT NULL CHECK (price >= 0),
    -- The position of the seat that was asked for, where another one was given.
    substitute    INTEGER,
    -- 1 while its hold is live.
    live          INTEGER NOT NULL DEFAULT 1 CHECK (live IN (0, 1)),
    PRIMARY KEY (hold_id, number),
    CHECK (seat_position IS NULL OR quantity = 1),
    FOREIGN KEY (sale_id, seat_position) REFERENCES seats (sale_id, position)
) STRICT, WITHOUT ROWID;

-- The second net under the guarded update of a seat's status.
CREATE UNIQUE INDEX one_holder_per_seat ON hold_items (sale_id, seat_position)
    WHERE seat_position IS NOT NULL AND live = 1;

-- A hold ends once.
CREATE TRIGGER a_hold_ends_once BEFORE UPDATE ON holds WHEN OLD.ended_at IS NOT NULL
    AND (NEW.status <> OLD.status OR NEW.ended_at IS NOT OLD.ended_at OR NEW.expires_at <> OLD.expires_at)
BEGIN
    SELECT RAISE(ABORT, 'a hold ends once');
END;
