-- The tables of a sale. Every invariant that one statement can see stands here, as the last net under the engine's
-- own checks. Instants are milliseconds since 1970 in UTC; ids are UUIDv7 in 16 bytes; money is in minor units.

-- What the database knows of itself: its epoch (the name of its life) and the secret that signs sessions.
CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sales (
    id               INTEGER NOT NULL PRIMARY KEY,
    slug             TEXT    NOT NULL UNIQUE CHECK (slug <> ''),
    name             TEXT    NOT NULL,
    -- What the organiser decided. `soon` and `sold_out` follow from clock and stock and are never stored.
    switch           TEXT    NOT NULL CHECK (switch IN ('open', 'paused', 'closed')),
    strategy         TEXT    NOT NULL,
    rehearsal        INTEGER NOT NULL CHECK (rehearsal IN (0, 1)),
    opens_at         INTEGER,
    message          TEXT,
    hold_ttl_seconds INTEGER NOT NULL CHECK (hold_ttl_seconds BETWEEN 1 AND 86400),
    max_per_buyer    INTEGER CHECK (max_per_buyer > 0),
    created_at       INTEGER NOT NULL,
    -- Moves on whenever an organiser changes the sale, so that other processes see it.
    revision         INTEGER NOT NULL DEFAULT 0,
    -- The number of changes so far, and the hash of the ledger's last line. This row hands out `seq`.
    seq              INTEGER NOT NULL CHECK (seq >= 0),
    head_hash        BLOB    NOT NULL CHECK (length(head_hash) = 32),
    capacity         INTEGER NOT NULL,
    available        INTEGER NOT NULL,
    held             INTEGER NOT NULL,
    sold             INTEGER NOT NULL,
    CHECK (available >= 0 AND held >= 0 AND sold >= 0 AND available + held + sold = capacity)
) STRICT;

CREATE TABLE tiers (
    id        INTEGER NOT NULL PRIMARY KEY,
    sale_id   INTEGER NOT NULL REFERENCES sales (id),
    position  INTEGER NOT NULL,
    slug      TEXT    NOT NULL CHECK (slug <> ''),
    name      TEXT    NOT NULL,
    price     INTEGER NOT NULL CHECK (price >= 0),
    currency  TEXT    NOT NULL CHECK (length(currency) = 3),
    seated    INTEGER NOT NULL CHECK (seated IN (0, 1)),
    capacity  INTEGER NOT NULL,
    available INTEGER NOT NULL,
    held      INTEGER NOT NULL,
    sold      INTEGER NOT NULL,
    -- Moves on with every write of the row.
    version   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (sale_id, position),
    UNIQUE (sale_id, slug),
    CHECK (available >= 0 AND held >= 0 AND sold >= 0 AND available + held + sold = capacity)
) STRICT;

-- Clustered by sale and position: neighbours on the map are neighbours on the page.
CREATE TABLE seats (
    sale_id  INTEGER NOT NULL REFERENCES sales (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    tier_id  INTEGER NOT NULL REFERENCES tiers (id),
    section  TEXT    NOT NULL,
    row_name TEXT    NOT NULL,
    number   INTEGER NOT NULL,
    label    TEXT    NOT NULL,
    status   TEXT    NOT NULL CHECK (status IN ('available', 'held', 'sold')),
    version  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (sale_id, position)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX one_seat_per_label ON seats (sale_id, label);

-- Made with the first purchase; a guest who never bought has no row.
CREATE TABLE buyers (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    sale_id    INTEGER NOT NULL REFERENCES sales (id),
    seq        INTEGER NOT NULL,
    buyer_id   BLOB    NOT NULL REFERENCES buyers (id),
    total      INTEGER NOT NULL CHECK (total >= 0),
    currency   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    -- The key that the buyer sent, and the fingerprint of the route and body that it came with: whoever sends it again
    -- gets this order again. Null where none was sent, and once the answer is past its time.
    key             TEXT CHECK (length(key) BETWEEN 1 AND 255),
    key_fingerprint BLOB CHECK (length(key_fingerprint) = 16),
    -- Set when the sale is reset: the purchase is kept for the record and counts for nothing.
    void       INTEGER NOT NULL DEFAULT 0 CHECK (void IN (0, 1)),
    CHECK ((key IS NULL) = (key_fingerprint IS NULL))
) STRICT, WITHOUT ROWID;

-- A buyer's orders, in blocks of 1,024 changes of a sale. In one index over all buyers each purchase would change a page
-- somewhere else, and such a page costs as much as all other rows of the purchase. This one grows at its end like the
-- tables do, and whoever looks a buyer up asks block after block.
CREATE INDEX orders_by_buyer ON orders (sale_id, (seq >> 10), buyer_id);

-- The key stands first: keys made in the order of time then land beside each other.
CREATE UNIQUE INDEX one_order_per_key ON orders (key, buyer_id) WHERE key IS NOT NULL;

-- Clustered by order: the tickets of one purchase stand beside each other, and need no second index to be found.
CREATE TABLE tickets (
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    order_id      BLOB    NOT NULL REFERENCES orders (id),
    sale_id       INTEGER NOT NULL,
    tier_id       INTEGER NOT NULL REFERENCES tiers (id),
    -- The seat's position; null for general admission.
    seat_position INTEGER,
    -- 128 random bits.
    code          BLOB    NOT NULL CHECK (length(code) = 16),
    void          INTEGER NOT NULL DEFAULT 0 CHECK (void IN (0, 1)),
    -- 0 for the tickets of a strategy that is meant to show how a unit is sold twice.
    guarded       INTEGER NOT NULL DEFAULT 1 CHECK (guarded IN (0, 1)),
    PRIMARY KEY (order_id, id),
    FOREIGN KEY (sale_id, seat_position) REFERENCES seats (sale_id, position)
) STRICT, WITHOUT ROWID;

-- The second net under the guarded update of a seat's status.
CREATE UNIQUE INDEX one_owner_per_seat ON tickets (sale_id, seat_position)
    WHERE seat_position IS NOT NULL AND void = 0 AND guarded = 1;

-- One line per decision, chained by hash.
CREATE TABLE ledger (
    sale_id   INTEGER NOT NULL REFERENCES sales (id),
    seq       INTEGER NOT NULL CHECK (seq > 0),
    at        INTEGER NOT NULL,
    kind      TEXT    NOT NULL CHECK (kind IN ('stock', 'buy', 'hold', 'release', 'expire', 'confirm', 'refund', 'reset')),
    units     TEXT    NOT NULL,
    reference BLOB,
    hash      BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (sale_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER ledger_lines_never_change BEFORE UPDATE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER ledger_lines_never_go BEFORE DELETE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

-- Answers to an organiser that changed something, as they were sent, for whoever asks again with the same key. A
-- buyer's answer is an order, and keeps its key itself.
CREATE TABLE idempotency_keys (
    key         TEXT    NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    buyer_id    BLOB    NOT NULL CHECK (length(buyer_id) = 16),
    -- Of the route and the body.
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 16),
    status      INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (key, buyer_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
