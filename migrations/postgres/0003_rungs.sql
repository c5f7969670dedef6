-- How well the seats of an order stand together that were picked for its buyer; null where none were.
ALTER TABLE orders ADD COLUMN rung TEXT COLLATE "C" CHECK (rung IN ('together', 'orphan', 'rows', 'scattered'));

-- The functions that write a batch, with the rungs behind everything else. Those of the same name without them stay: servers
-- of the version before this one call them while they are replaced.

-- Records purchases of one sale and one instant: buyers, orders, tickets and ledger lines. The first arrays have one
-- element for each purchase, those from `ticket_ids` on one for each ticket.
--
-- Where two transactions record for the same buyers, each waits for the other's rows; both insert in the same order, so
-- that neither holds what the other waits for.
CREATE FUNCTION record_purchases(
    of_sale BIGINT, of_instant BIGINT,
    order_ids UUID[], buyer_ids UUID[], totals BIGINT[], currencies TEXT[], seqs BIGINT[], line_units TEXT[],
    line_hashes BYTEA[], order_keys TEXT[], key_fingerprints BYTEA[],
    ticket_ids UUID[], ticket_orders UUID[], ticket_tiers BIGINT[], ticket_positions BIGINT[], ticket_codes BYTEA[],
    order_rungs TEXT[]
) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    INSERT INTO buyers (id, created_at)
        SELECT new.id, of_instant FROM unnest(buyer_ids) AS new (id) ORDER BY new.id
        ON CONFLICT (id) DO NOTHING;
    INSERT INTO orders (sale_id, created_at, id, seq, buyer_id, total, currency, key, key_fingerprint, rung)
        SELECT of_sale, of_instant, new.*
        FROM unnest(order_ids, seqs, buyer_ids, totals, currencies, order_keys, key_fingerprints,
                    order_rungs)
             AS new (id, seq, buyer_id, total, currency, key, key_fingerprint, rung)
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
    ticket_ids UUID[], ticket_orders UUID[], ticket_tiers BIGINT[], ticket_positions BIGINT[], ticket_codes BYTEA[],
    order_rungs TEXT[]
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
        key_fingerprints, ticket_ids, ticket_orders, ticket_tiers, ticket_positions, ticket_codes, order_rungs);
END $$;
