-- Units that are set aside for a buyer until a time.

-- The database's own time, in milliseconds. Whether a hold has ended is judged by it alone, so that no server's clock
-- can end a hold early or keep it beyond its time. It goes on inside a statement, unlike `now()`, because a statement
-- may wait long for a lock.
CREATE FUNCTION store_now() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
    SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT
$$;

-- How often, and by how many seconds each time, a buyer may extend a hold of this sale.
ALTER TABLE sales ADD COLUMN hold_extension_seconds BIGINT NOT NULL DEFAULT 60
    CHECK (hold_extension_seconds BETWEEN 1 AND 86400);
ALTER TABLE sales ADD COLUMN hold_extensions BIGINT NOT NULL DEFAULT 10 CHECK (hold_extensions BETWEEN 0 AND 100);
-- For how long a hold lives on at least from the moment at which its payment begins.
ALTER TABLE sales ADD COLUMN payment_grace_seconds BIGINT NOT NULL DEFAULT 300
    CHECK (payment_grace_seconds BETWEEN 0 AND 86400);
-- Whether units are bought at once, or held and then paid.
ALTER TABLE sales ADD COLUMN checkout TEXT COLLATE "C" NOT NULL DEFAULT 'instant'
    CHECK (checkout IN ('instant', 'paid'));
-- Whether a buyer is asked how they can be reached.
ALTER TABLE sales ADD COLUMN contact TEXT COLLATE "C" NOT NULL DEFAULT 'optional'
    CHECK (contact IN ('none', 'optional', 'required'));

-- The prices from a part of the stock on that is held or sold, as JSON: [{"sold_percent": 50, "price": 2000}]. Null where the
-- price is always the same.
ALTER TABLE tiers ADD COLUMN price_steps TEXT CHECK (price_steps <> '');

-- How the buyer can be reached. Null where they did not say.
ALTER TABLE orders ADD COLUMN contact_email TEXT CHECK (contact_email <> '');
ALTER TABLE orders ADD COLUMN contact_name TEXT CHECK (contact_name IS NULL OR contact_name <> '' AND contact_email IS NOT NULL);

CREATE TABLE holds (
    id         UUID   NOT NULL PRIMARY KEY,
    sale_id    BIGINT NOT NULL,
    buyer_id   UUID   NOT NULL,
    status     TEXT COLLATE "C" NOT NULL CHECK (status IN ('active', 'paying', 'confirmed', 'released', 'expired')),
    currency   TEXT   NOT NULL,
    -- How well the seats stand together that were picked for the buyer; null where none were.
    rung       TEXT COLLATE "C" CHECK (rung IN ('together', 'orphan', 'rows', 'scattered')),
    -- The ledger position of the newest change of what is held.
    seq        BIGINT NOT NULL CHECK (seq > 0),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- From when on others may release it: later than its end where a payment is under way.
    due_at     BIGINT NOT NULL,
    extensions_left BIGINT NOT NULL CHECK (extensions_left BETWEEN 0 AND 100),
    -- The sale's terms when the hold was made: by how much an extension moves its end, for how long it lives on at least from
    -- the moment at which its payment begins, and whether its buyer is asked how they can be reached.
    extension_seconds BIGINT NOT NULL CHECK (extension_seconds BETWEEN 1 AND 86400),
    payment_grace_seconds BIGINT NOT NULL CHECK (payment_grace_seconds BETWEEN 0 AND 86400),
    contact    TEXT COLLATE "C" NOT NULL CHECK (contact IN ('none', 'optional', 'required')),
    ended_at   BIGINT,
    -- The key that the buyer sent, the fingerprint of the route and body that it came with, and the answer that it got. Null
    -- where none was sent, and once the answer is past its time.
    key             TEXT COLLATE "C" CHECK (length(key) BETWEEN 1 AND 255),
    key_fingerprint BYTEA CHECK (octet_length(key_fingerprint) = 16),
    answer          TEXT,
    CHECK (created_at <= expires_at AND expires_at <= due_at),
    CHECK ((ended_at IS NULL) = (status IN ('active', 'paying'))),
    CHECK ((key IS NULL) = (key_fingerprint IS NULL) AND (key IS NULL) = (answer IS NULL))
);

-- Only live holds are in these indexes, so they stay small however many holds there were.
CREATE INDEX holds_by_time ON holds (sale_id, due_at) WHERE ended_at IS NULL;
CREATE INDEX live_holds_by_buyer ON holds (buyer_id, sale_id) WHERE ended_at IS NULL;
CREATE INDEX ended_holds ON holds (ended_at) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX one_hold_per_key ON holds (key, buyer_id) WHERE key IS NOT NULL;
-- As for orders.
CREATE UNIQUE INDEX one_hold_per_key_of_heirs ON holds (key, (left(buyer_id::text, 23) COLLATE "C"))
    WHERE key IS NOT NULL AND substr(buyer_id::text, 15, 1) = '8';

CREATE TABLE hold_items (
    hold_id       UUID    NOT NULL,
    number        BIGINT  NOT NULL,
    sale_id       BIGINT  NOT NULL,
    tier_id       BIGINT  NOT NULL,
    -- The seat's position; null for general admission.
    seat_position BIGINT,
    quantity      BIGINT  NOT NULL CHECK (quantity > 0),
    -- Of one unit.
    price         BIGINT  NOT NULL CHECK (price >= 0),
    -- The position of the seat that was asked for, where another one was given.
    substitute    BIGINT,
    -- True while its hold is live.
    live          BOOLEAN NOT NULL DEFAULT true,
    PRIMARY KEY (hold_id, number),
    CHECK (seat_position IS NULL OR quantity = 1)
);

-- The second net under the guarded update of a seat's status.
CREATE UNIQUE INDEX one_holder_per_seat ON hold_items (sale_id, seat_position) WHERE seat_position IS NOT NULL AND live;

CREATE FUNCTION refuse_to_end_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a hold ends once';
END $$;

CREATE TRIGGER a_hold_ends_once BEFORE UPDATE ON holds FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL AND (NEW.status <> OLD.status OR NEW.ended_at IS DISTINCT FROM OLD.ended_at
                                        OR NEW.expires_at <> OLD.expires_at))
    EXECUTE FUNCTION refuse_to_end_again();

-- What is referred to is there: looked up for all rows of a statement, as for orders and tickets.
CREATE FUNCTION check_what_holds_refer_to() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT sale_id FROM inserted) AS each
        WHERE (SELECT id FROM sales WHERE id = each.sale_id) IS NULL
    ) THEN
        RAISE EXCEPTION 'a hold refers to a sale that is not there' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER holds_refer_to_rows AFTER INSERT ON holds REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_what_holds_refer_to();

CREATE FUNCTION check_what_hold_items_refer_to() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT tier_id FROM inserted) AS each
        WHERE (SELECT id FROM tiers WHERE id = each.tier_id) IS NULL
    ) OR EXISTS (
        SELECT FROM inserted
        WHERE (SELECT id FROM holds WHERE id = inserted.hold_id) IS NULL
           OR seat_position IS NOT NULL AND (
                  SELECT position FROM seats WHERE sale_id = inserted.sale_id AND position = inserted.seat_position
              ) IS NULL
    ) THEN
        RAISE EXCEPTION 'an item of a hold refers to a hold, a tier or a seat that is not there'
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER hold_items_refer_to_rows AFTER INSERT ON hold_items REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_what_hold_items_refer_to();

-- Takes what a batch takes from one sale, all of it or nothing; the units become held or sold. Where any row is not as
-- expected it raises ON001, which takes everything back.
--
-- The sale's row comes first: of two nodes that do this for one sale, the second waits there, and finds another `seq`.
CREATE FUNCTION take_from_sale(
    of_sale BIGINT, expected_seq BIGINT, expected_revision BIGINT, decisions BIGINT, new_head_hash BYTEA,
    seat_positions BIGINT[], tier_ids BIGINT[], tier_units BIGINT[], new_status TEXT
) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    -- A variable, so that no plan reads the index `available_seats` because there was little in it when it was made.
    available_status CONSTANT TEXT := 'available';
    holding CONSTANT BIGINT := CASE new_status WHEN 'held' THEN 1 ELSE 0 END;
    units BIGINT := 0;
    units_of_tier BIGINT;
    taken BIGINT;
BEGIN
    FOREACH units_of_tier IN ARRAY tier_units LOOP
        units := units + units_of_tier;
    END LOOP;
    UPDATE sales
        SET available = available - units, held = held + units * holding, sold = sold + units * (1 - holding),
            seq = seq + decisions, head_hash = new_head_hash
        WHERE id = of_sale AND seq = expected_seq AND revision = expected_revision AND available >= units
            AND switch = 'open';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the sale is not as expected' USING ERRCODE = 'ON001';
    END IF;
    UPDATE tiers
        SET available = tiers.available - wanted.units, held = tiers.held + wanted.units * holding,
            sold = tiers.sold + wanted.units * (1 - holding), version = tiers.version + 1
        FROM unnest(tier_ids, tier_units) AS wanted (tier_id, units)
        WHERE tiers.id = wanted.tier_id AND tiers.available >= wanted.units;
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF taken <> cardinality(tier_ids) THEN
        RAISE EXCEPTION 'a tier is not as expected' USING ERRCODE = 'ON001';
    END IF;
    IF cardinality(seat_positions) > 0 THEN
        -- Each by its position, in order: asked for all positions at once, a plan may read the whole sale instead.
        UPDATE seats SET status = new_status, version = version + 1
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
END $$;

-- Records purchases, as before, each as a line of this kind: `buy`, or `confirm` for what was held.
CREATE FUNCTION record_purchases(
    of_sale BIGINT, of_instant BIGINT,
    order_ids UUID[], buyer_ids UUID[], totals BIGINT[], currencies TEXT[], seqs BIGINT[], line_units TEXT[],
    line_hashes BYTEA[], order_keys TEXT[], key_fingerprints BYTEA[],
    ticket_ids UUID[], ticket_orders UUID[], ticket_tiers BIGINT[], ticket_positions BIGINT[], ticket_codes BYTEA[],
    order_rungs TEXT[], contact_emails TEXT[], contact_names TEXT[], line_kind TEXT
) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    INSERT INTO buyers (id, created_at)
        SELECT new.id, of_instant FROM unnest(buyer_ids) AS new (id) ORDER BY new.id
        ON CONFLICT (id) DO NOTHING;
    INSERT INTO orders (sale_id, created_at, id, seq, buyer_id, total, currency, key, key_fingerprint, rung, contact_email,
                        contact_name)
        SELECT of_sale, of_instant, new.*
        FROM unnest(order_ids, seqs, buyer_ids, totals, currencies, order_keys, key_fingerprints,
                    order_rungs, contact_emails, contact_names)
             AS new (id, seq, buyer_id, total, currency, key, key_fingerprint, rung, contact_email, contact_name)
        ORDER BY new.key, new.buyer_id;
    INSERT INTO tickets (sale_id, id, order_id, tier_id, seat_position, code)
        SELECT of_sale, new.*
        FROM unnest(ticket_ids, ticket_orders, ticket_tiers, ticket_positions, ticket_codes)
             AS new (id, order_id, tier_id, seat_position, code);
    INSERT INTO ledger (sale_id, at, kind, seq, units, reference, hash)
        SELECT of_sale, of_instant, line_kind, new.*
        FROM unnest(seqs, line_units, order_ids, line_hashes) AS new (seq, units, reference, hash);
END $$;

-- Takes what a batch of purchases takes from one sale, all of it or nothing, and records the purchases.
CREATE FUNCTION take_and_record(
    of_sale BIGINT, expected_seq BIGINT, expected_revision BIGINT, decisions BIGINT, new_head_hash BYTEA,
    seat_positions BIGINT[], tier_ids BIGINT[], tier_units BIGINT[],
    of_instant BIGINT,
    order_ids UUID[], buyer_ids UUID[], totals BIGINT[], currencies TEXT[], seqs BIGINT[], line_units TEXT[],
    line_hashes BYTEA[], order_keys TEXT[], key_fingerprints BYTEA[],
    ticket_ids UUID[], ticket_orders UUID[], ticket_tiers BIGINT[], ticket_positions BIGINT[], ticket_codes BYTEA[],
    order_rungs TEXT[], contact_emails TEXT[], contact_names TEXT[]
) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    PERFORM take_from_sale(
        of_sale, expected_seq, expected_revision, decisions, new_head_hash, seat_positions, tier_ids, tier_units, 'sold');
    PERFORM record_purchases(
        of_sale, of_instant, order_ids, buyer_ids, totals, currencies, seqs, line_units, line_hashes, order_keys,
        key_fingerprints, ticket_ids, ticket_orders, ticket_tiers, ticket_positions, ticket_codes, order_rungs,
        contact_emails, contact_names, 'buy');
END $$;

-- Records holds of one sale: their rows, their items and their ledger lines. The first arrays have one element for each
-- hold, those from `item_holds` on one for each item. Returns the database's time at which the holds began.
CREATE FUNCTION record_holds(
    of_sale BIGINT, of_instant BIGINT,
    hold_ids UUID[], buyer_ids UUID[], currencies TEXT[], seqs BIGINT[], line_units TEXT[], line_hashes BYTEA[],
    hold_rungs TEXT[], life_milliseconds BIGINT[], extensions BIGINT[],
    hold_keys TEXT[], key_fingerprints BYTEA[], answers TEXT[],
    item_holds UUID[], item_numbers BIGINT[], item_tiers BIGINT[], item_positions BIGINT[], item_quantities BIGINT[],
    item_prices BIGINT[], item_substitutes BIGINT[]
) RETURNS BIGINT LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    begun_at CONSTANT BIGINT := store_now();
BEGIN
    INSERT INTO holds (sale_id, status, created_at, id, buyer_id, currency, seq, rung, expires_at, due_at,
                       extensions_left, key, key_fingerprint, answer, extension_seconds, payment_grace_seconds, contact)
        SELECT of_sale, 'active', begun_at, new.id, new.buyer_id, new.currency, new.seq, new.rung, begun_at + new.life,
               begun_at + new.life, new.extensions_left, new.key, new.key_fingerprint, new.answer, terms.*
        FROM unnest(hold_ids, buyer_ids, currencies, seqs, hold_rungs, life_milliseconds, extensions, hold_keys,
                    key_fingerprints, answers)
             AS new (id, buyer_id, currency, seq, rung, life, extensions_left, key, key_fingerprint, answer)
        CROSS JOIN (SELECT hold_extension_seconds, payment_grace_seconds, contact FROM sales WHERE id = of_sale) AS terms
        ORDER BY new.key, new.buyer_id;
    INSERT INTO hold_items (sale_id, hold_id, number, tier_id, seat_position, quantity, price, substitute)
        SELECT of_sale, new.*
        FROM unnest(item_holds, item_numbers, item_tiers, item_positions, item_quantities, item_prices,
                    item_substitutes)
             AS new (hold_id, number, tier_id, seat_position, quantity, price, substitute);
    INSERT INTO ledger (sale_id, at, kind, seq, units, reference, hash)
        SELECT of_sale, of_instant, 'hold', new.*
        FROM unnest(seqs, line_units, hold_ids, line_hashes) AS new (seq, units, reference, hash);
    RETURN begun_at;
END $$;

-- Takes what a batch of holds takes from one sale, all of it or nothing, and records the holds.
CREATE FUNCTION take_and_hold(
    of_sale BIGINT, expected_seq BIGINT, expected_revision BIGINT, decisions BIGINT, new_head_hash BYTEA,
    seat_positions BIGINT[], tier_ids BIGINT[], tier_units BIGINT[],
    of_instant BIGINT,
    hold_ids UUID[], buyer_ids UUID[], currencies TEXT[], seqs BIGINT[], line_units TEXT[], line_hashes BYTEA[],
    hold_rungs TEXT[], life_milliseconds BIGINT[], extensions BIGINT[],
    hold_keys TEXT[], key_fingerprints BYTEA[], answers TEXT[],
    item_holds UUID[], item_numbers BIGINT[], item_tiers BIGINT[], item_positions BIGINT[], item_quantities BIGINT[],
    item_prices BIGINT[], item_substitutes BIGINT[]
) RETURNS BIGINT LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    PERFORM take_from_sale(
        of_sale, expected_seq, expected_revision, decisions, new_head_hash, seat_positions, tier_ids, tier_units, 'held');
    RETURN record_holds(
        of_sale, of_instant, hold_ids, buyer_ids, currencies, seqs, line_units, line_hashes, hold_rungs,
        life_milliseconds, extensions, hold_keys, key_fingerprints, answers, item_holds, item_numbers, item_tiers,
        item_positions, item_quantities, item_prices, item_substitutes);
END $$;

-- As `take_any_seats` without a status, which sells them.
CREATE FUNCTION take_any_seats(of_sale BIGINT, of_tier BIGINT, wanted BIGINT, new_status TEXT) RETURNS BIGINT[]
LANGUAGE plpgsql
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
        UPDATE seats SET status = new_status, version = version + 1 WHERE ctid = ANY (places);
        taken := taken || positions;
        EXIT WHEN cardinality(taken) >= wanted OR NOT EXISTS (
            SELECT 1 FROM seats WHERE sale_id = of_sale AND tier_id = of_tier AND status = 'available');
    END LOOP;
    RETURN taken;
END $$;
