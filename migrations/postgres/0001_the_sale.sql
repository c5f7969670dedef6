-- The tables of a sale. Every invariant that one statement can see stands here, as the last net under the engine's
-- own checks. Instants are milliseconds since 1970 in UTC; ids are UUIDv7; money is in minor units.
--
-- Text in an index is ordered by its bytes (COLLATE "C"): cheaper than by a language, and no upgrade of the system's
-- languages can put an index out of order.

-- What the database knows of itself: its epoch (the name of its life) and the secret that signs sessions.
CREATE TABLE settings (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

-- Every purchase changes the counters of a sale and of a tier. A page that is kept half empty takes many versions of
-- such a row before it is tidied up, and no index hears of them.
CREATE TABLE sales (
    id               BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug             TEXT COLLATE "C" NOT NULL UNIQUE CHECK (slug <> ''),
    name             TEXT    NOT NULL,
    -- What the organiser decided. `soon` and `sold_out` follow from clock and stock and are never stored.
    switch           TEXT    NOT NULL CHECK (switch IN ('open', 'paused', 'closed')),
    strategy         TEXT    NOT NULL,
    rehearsal        BOOLEAN NOT NULL,
    opens_at         BIGINT,
    message          TEXT,
    hold_ttl_seconds BIGINT  NOT NULL CHECK (hold_ttl_seconds BETWEEN 1 AND 86400),
    max_per_buyer    BIGINT  CHECK (max_per_buyer > 0),
    created_at       BIGINT  NOT NULL,
    -- Moves on whenever an organiser changes the sale, so that other processes see it.
    revision         BIGINT  NOT NULL DEFAULT 0,
    -- The number of changes so far, and the hash of the ledger's last line. This row hands out `seq`.
    seq              BIGINT  NOT NULL CHECK (seq >= 0),
    head_hash        BYTEA   NOT NULL CHECK (octet_length(head_hash) = 32),
    capacity         BIGINT  NOT NULL,
    available        BIGINT  NOT NULL,
    held             BIGINT  NOT NULL,
    sold             BIGINT  NOT NULL,
    CHECK (available >= 0 AND held >= 0 AND sold >= 0 AND available + held + sold = capacity)
) WITH (fillfactor = 50);

CREATE TABLE tiers (
    id        BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sale_id   BIGINT  NOT NULL REFERENCES sales (id),
    position  BIGINT  NOT NULL,
    slug      TEXT COLLATE "C" NOT NULL CHECK (slug <> ''),
    name      TEXT    NOT NULL,
    price     BIGINT  NOT NULL CHECK (price >= 0),
    currency  TEXT    NOT NULL CHECK (length(currency) = 3),
    seated    BOOLEAN NOT NULL,
    capacity  BIGINT  NOT NULL,
    available BIGINT  NOT NULL,
    held      BIGINT  NOT NULL,
    sold      BIGINT  NOT NULL,
    -- Moves on with every write of the row.
    version   BIGINT  NOT NULL DEFAULT 0,
    UNIQUE (sale_id, position),
    UNIQUE (sale_id, slug),
    CHECK (available >= 0 AND held >= 0 AND sold >= 0 AND available + held + sold = capacity)
) WITH (fillfactor = 50);

-- Inserted by position: neighbours on the map are neighbours on the page. Half of each page stays free, in the indexes
-- too, for what becomes of the seats when they are sold.
CREATE TABLE seats (
    sale_id  BIGINT NOT NULL REFERENCES sales (id),
    position BIGINT NOT NULL CHECK (position >= 0),
    tier_id  BIGINT NOT NULL REFERENCES tiers (id),
    section  TEXT   NOT NULL,
    row_name TEXT   NOT NULL,
    number   BIGINT NOT NULL,
    label    TEXT COLLATE "C" NOT NULL,
    status   TEXT   NOT NULL CHECK (status IN ('available', 'held', 'sold')),
    version  BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (sale_id, position) WITH (fillfactor = 50)
) WITH (fillfactor = 50);

CREATE UNIQUE INDEX one_seat_per_label ON seats (sale_id, label) WITH (fillfactor = 50);

-- The first free seats of a tier, without a walk past those that are sold.
CREATE INDEX available_seats ON seats (sale_id, tier_id, position) WHERE status = 'available';

-- The available units of general admission in a sale whose strategy is `skip_locked`: it takes units by their rows, and
-- whoever takes one deletes its row.
CREATE TABLE units (
    tier_id BIGINT NOT NULL REFERENCES tiers (id),
    number  BIGINT NOT NULL,
    PRIMARY KEY (tier_id, number)
);

-- Made with the first purchase; a guest who never bought has no row.
CREATE TABLE buyers (
    id         UUID   NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL
);

-- Orders, tickets and ledger lines refer to a sale, a buyer, an order, a tier and a seat. No foreign keys are declared for
-- that: PostgreSQL looks each row's up by itself, which took half of a batch's time. The triggers behind these tables check
-- the rows of a statement together, for whoever writes them.
CREATE TABLE orders (
    id         UUID   NOT NULL PRIMARY KEY,
    sale_id    BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    buyer_id   UUID   NOT NULL,
    total      BIGINT NOT NULL CHECK (total >= 0),
    currency   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    -- The key that the buyer sent, and the fingerprint of the route and body that it came with: whoever sends it again
    -- gets this order again. Null where none was sent, and once the answer is past its time.
    key             TEXT COLLATE "C" CHECK (length(key) BETWEEN 1 AND 255),
    key_fingerprint BYTEA CHECK (octet_length(key_fingerprint) = 16),
    -- Set when the sale is reset: the purchase is kept for the record and counts for nothing.
    void       BOOLEAN NOT NULL DEFAULT false,
    CHECK ((key IS NULL) = (key_fingerprint IS NULL))
);

CREATE INDEX orders_by_buyer ON orders (buyer_id, sale_id) WHERE NOT void;

-- The key stands first: keys made in the order of time then land beside each other.
CREATE UNIQUE INDEX one_order_per_key ON orders (key, buyer_id) WHERE key IS NOT NULL;

-- The order stands first: the tickets of one purchase need no second index to be found.
CREATE TABLE tickets (
    id            UUID    NOT NULL,
    order_id      UUID    NOT NULL,
    sale_id       BIGINT  NOT NULL,
    tier_id       BIGINT  NOT NULL,
    -- The seat's position; null for general admission.
    seat_position BIGINT,
    -- 128 random bits.
    code          BYTEA   NOT NULL CHECK (octet_length(code) = 16),
    void          BOOLEAN NOT NULL DEFAULT false,
    -- False for the tickets of a strategy that is meant to show how a unit is sold twice.
    guarded       BOOLEAN NOT NULL DEFAULT true,
    PRIMARY KEY (order_id, id)
);

-- The second net under the guarded update of a seat's status.
CREATE UNIQUE INDEX one_owner_per_seat ON tickets (sale_id, seat_position)
    WHERE seat_position IS NOT NULL AND NOT void AND guarded;

-- One line per decision, chained by hash.
CREATE TABLE ledger (
    sale_id   BIGINT NOT NULL,
    seq       BIGINT NOT NULL CHECK (seq > 0),
    at        BIGINT NOT NULL,
    kind      TEXT   NOT NULL
                     CHECK (kind IN ('stock', 'buy', 'hold', 'release', 'expire', 'confirm', 'refund', 'reset')),
    units     TEXT   NOT NULL,
    reference UUID,
    hash      BYTEA  NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (sale_id, seq)
);

CREATE FUNCTION refuse_to_change_the_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END $$;

CREATE TRIGGER ledger_lines_never_change BEFORE UPDATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_ledger();

CREATE TRIGGER ledger_lines_never_go BEFORE DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_ledger();

-- What is referred to is there: looked up for all rows of a statement, each different one once or by its index. A row that
-- was seen needs no lock to stay, because the triggers behind these let none of them go.
CREATE FUNCTION check_what_orders_refer_to() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT sale_id FROM inserted) AS each
        WHERE (SELECT id FROM sales WHERE id = each.sale_id) IS NULL
    ) OR EXISTS (SELECT FROM inserted WHERE (SELECT id FROM buyers WHERE id = inserted.buyer_id) IS NULL) THEN
        RAISE EXCEPTION 'an order refers to a sale or a buyer that is not there' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER orders_refer_to_rows AFTER INSERT ON orders REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_what_orders_refer_to();

CREATE FUNCTION check_what_tickets_refer_to() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT tier_id FROM inserted) AS each
        WHERE (SELECT id FROM tiers WHERE id = each.tier_id) IS NULL
    ) OR EXISTS (
        SELECT FROM inserted
        WHERE (SELECT id FROM orders WHERE id = inserted.order_id) IS NULL
           OR seat_position IS NOT NULL AND (
                  SELECT position FROM seats WHERE sale_id = inserted.sale_id AND position = inserted.seat_position
              ) IS NULL
    ) THEN
        RAISE EXCEPTION 'a ticket refers to an order, a tier or a seat that is not there'
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER tickets_refer_to_rows AFTER INSERT ON tickets REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_what_tickets_refer_to();

CREATE FUNCTION check_what_the_ledger_refers_to() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT sale_id FROM inserted) AS each
        WHERE (SELECT id FROM sales WHERE id = each.sale_id) IS NULL
    ) THEN
        RAISE EXCEPTION 'a ledger line refers to a sale that is not there' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_lines_refer_to_rows AFTER INSERT ON ledger REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_what_the_ledger_refers_to();

CREATE FUNCTION refuse_to_break_references() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what rows of % refer to, or are referred to by, never changes', TG_TABLE_NAME
        USING ERRCODE = 'foreign_key_violation';
END $$;

CREATE TRIGGER sales_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF id ON sales
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_break_references();

CREATE TRIGGER tiers_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF id ON tiers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_break_references();

CREATE TRIGGER seats_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF sale_id, position ON seats
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_break_references();

CREATE TRIGGER buyers_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF id ON buyers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_break_references();

CREATE TRIGGER orders_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF id, sale_id, buyer_id ON orders
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_break_references();

CREATE TRIGGER tickets_stay BEFORE UPDATE OF order_id, sale_id, tier_id, seat_position ON tickets
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_break_references();

-- Answers to an organiser that changed something, as they were sent, for whoever asks again with the same key. A
-- buyer's answer is an order, and keeps its key itself.
CREATE TABLE idempotency_keys (
    key         TEXT COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    buyer_id    UUID   NOT NULL,
    -- Of the route and the body.
    fingerprint BYTEA  NOT NULL CHECK (octet_length(fingerprint) = 16),
    status      INTEGER NOT NULL,
    body        TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (key, buyer_id)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- What follows writes a batch by one call, in one round trip. Each function plans its statements once per connection,
-- and only ever by an index: a plan made while a table was small would otherwise walk through all of it when it is not.

-- Records purchases of one sale and one instant: buyers, orders, tickets and ledger lines. The first arrays have one
-- element for each purchase, those from `ticket_ids` on one for each ticket.
--
-- Where two transactions record for the same buyers, each waits for the other's rows; both insert in the same order, so
-- that neither holds what the other waits for.
CREATE FUNCTION record_purchases(
    of_sale BIGINT, of_instant BIGINT,
    order_ids UUID[], buyer_ids UUID[], totals BIGINT[], currencies TEXT[], seqs BIGINT[], line_units TEXT[],
    line_hashes BYTEA[], order_keys TEXT[], key_fingerprints BYTEA[],
    ticket_ids UUID[], ticket_orders UUID[], ticket_tiers BIGINT[], ticket_positions BIGINT[], ticket_codes BYTEA[]
) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    INSERT INTO buyers (id, created_at)
        SELECT new.id, of_instant FROM unnest(buyer_ids) AS new (id) ORDER BY new.id
        ON CONFLICT (id) DO NOTHING;
    INSERT INTO orders (sale_id, created_at, id, seq, buyer_id, total, currency, key, key_fingerprint)
        SELECT of_sale, of_instant, new.*
        FROM unnest(order_ids, seqs, buyer_ids, totals, currencies, order_keys, key_fingerprints)
             AS new (id, seq, buyer_id, total, currency, key, key_fingerprint)
        ORDER BY new.key, new.buyer_id;
    INSERT INTO tickets (sale_id, id, order_id, tier_id, seat_position, code)
        SELECT of_sale, new.*
        FROM unnest(ticket_ids, ticket_orders, ticket_tiers, ticket_positions, ticket_codes)
             AS new (id, order_id, tier_id, seat_position, code);
    INSERT INTO ledger (sale_id, at, kind, seq, units, reference, hash)
        SELECT of_sale, of_instant, 'buy', new.*
        FROM unnest(seqs, line_units, order_ids, line_hashes) AS new (seq, units, reference, hash);
END $$;

-- Takes what a batch of purchases takes from one sale, all of it or nothing, and records the purchases. Where any row
-- is not as expected it raises ON001, which takes everything back.
--
-- The sale's row comes first: of two nodes that do this for one sale, the second waits there, and finds another `seq`.
CREATE FUNCTION take_and_record(
    of_sale BIGINT, expected_seq BIGINT, expected_revision BIGINT, decisions BIGINT, new_head_hash BYTEA,
    seat_positions BIGINT[], tier_ids BIGINT[], tier_units BIGINT[],
    of_instant BIGINT,
    order_ids UUID[], buyer_ids UUID[], totals BIGINT[], currencies TEXT[], seqs BIGINT[], line_units TEXT[],
    line_hashes BYTEA[], order_keys TEXT[], key_fingerprints BYTEA[],
    ticket_ids UUID[], ticket_orders UUID[], ticket_tiers BIGINT[], ticket_positions BIGINT[], ticket_codes BYTEA[]
) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    -- A variable, so that no plan reads the index `available_seats` because there was little in it when it was made.
    available_status CONSTANT TEXT := 'available';
    units BIGINT := 0;
    units_of_tier BIGINT;
    taken BIGINT;
BEGIN
    FOREACH units_of_tier IN ARRAY tier_units LOOP
        units := units + units_of_tier;
    END LOOP;
    UPDATE sales
        SET available = available - units, sold = sold + units, seq = seq + decisions, head_hash = new_head_hash
        WHERE id = of_sale AND seq = expected_seq AND revision = expected_revision AND available >= units
            AND switch = 'open';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the sale is not as expected' USING ERRCODE = 'ON001';
    END IF;
    UPDATE tiers
        SET available = tiers.available - wanted.units, sold = tiers.sold + wanted.units, version = tiers.version + 1
        FROM unnest(tier_ids, tier_units) AS wanted (tier_id, units)
        WHERE tiers.id = wanted.tier_id AND tiers.available >= wanted.units;
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF taken <> cardinality(tier_ids) THEN
        RAISE EXCEPTION 'a tier is not as expected' USING ERRCODE = 'ON001';
    END IF;
    IF cardinality(seat_positions) > 0 THEN
        -- Each by its position, in order: asked for all positions at once, a plan may read the whole sale instead.
        UPDATE seats SET status = 'sold', version = version + 1
            FROM (
                SELECT seat.place FROM unnest(seat_positions) AS wanted (position)
                CROSS JOIN LATERAL (
                    SELECT ctid AS place FROM seats WHERE sale_id = of_sale AND position = wanted.position LIMIT 1
                ) AS seat
                ORDER BY wanted.position
            ) AS found
            WHERE seats.ctid = found.place AND seats.status = available_status;
        GET DIAGNOSTICS taken = ROW_COUNT;
        IF taken <> cardinality(seat_positions) THEN
            RAISE EXCEPTION 'a seat is not as expected' USING ERRCODE = 'ON001';
        END IF;
    END IF;
    PERFORM record_purchases(
        of_sale, of_instant, order_ids, buyer_ids, totals, currencies, seqs, line_units, line_hashes, order_keys,
        key_fingerprints, ticket_ids, ticket_orders, ticket_tiers, ticket_positions, ticket_codes);
END $$;

-- Takes so many of a tier's available seats, the first in order, and returns their positions; fewer where the tier has
-- fewer.
--
-- Whoever waits for a seat that is sold in the end goes on to the next, but sees only those that were free when the
-- statement began. So where it got too few it looks again, until it has enough or nothing is left. A seat that became
-- free meanwhile may stand before one that is locked already: two that do this may wait for each other, and PostgreSQL
-- fails one of them.
CREATE FUNCTION take_any_seats(of_sale BIGINT, of_tier BIGINT, wanted BIGINT) RETURNS BIGINT[] LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    taken BIGINT[] := '{}';
    positions BIGINT[];
    places TID[];
BEGIN
    LOOP
        SELECT array_agg(free.position), array_agg(free.place) INTO positions, places FROM (
            SELECT position, ctid AS place FROM seats
            WHERE sale_id = of_sale AND tier_id = of_tier AND status = 'available'
            ORDER BY position LIMIT wanted - cardinality(taken) FOR UPDATE
        ) AS free;
        UPDATE seats SET status = 'sold', version = version + 1 WHERE ctid = ANY (places);
        taken := taken || positions;
        EXIT WHEN cardinality(taken) >= wanted OR NOT EXISTS (
            SELECT 1 FROM seats WHERE sale_id = of_sale AND tier_id = of_tier AND status = 'available');
    END LOOP;
    RETURN taken;
END $$;
