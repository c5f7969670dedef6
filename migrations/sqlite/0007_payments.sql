-- Money for what is held: asked for at a payment provider, and given back where it came in vain.

CREATE TABLE payments (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- A hold is forgotten some time after its end; its payments are kept.
    hold_id    BLOB    NOT NULL CHECK (length(hold_id) = 16),
    -- The hold's first payment, or a further one after a decline.
    attempt    INTEGER NOT NULL CHECK (attempt > 0),
    sale_id    INTEGER NOT NULL REFERENCES sales (id),
    buyer_id   BLOB    NOT NULL CHECK (length(buyer_id) = 16),
    status     TEXT    NOT NULL CHECK (status IN ('pending', 'succeeded', 'declined', 'expired', 'refunded')),
    -- What is owed, in minor units of the currency, and the hold's `seq` for which it is owed.
    amount     INTEGER NOT NULL CHECK (amount > 0),
    currency   TEXT    NOT NULL,
    hold_seq   INTEGER NOT NULL CHECK (hold_seq > 0),
    -- What is paid for, as the provider's page shows it: JSON.
    items      TEXT    NOT NULL,
    -- Where the provider sends the buyer back to.
    return_url TEXT    NOT NULL,
    contact_email TEXT CHECK (contact_email <> ''),
    contact_name  TEXT CHECK (contact_name IS NULL OR contact_name <> '' AND contact_email IS NOT NULL),
    -- How often the provider was asked for a page and failed, so that it must be asked anew.
    page_failures INTEGER NOT NULL DEFAULT 0 CHECK (page_failures >= 0),
    -- The provider's name for its page, and the page's address. Null until it has made one.
    session      TEXT UNIQUE,
    redirect_url TEXT,
    -- When the page ends by itself, in seconds since 1970.
    session_ends_at INTEGER NOT NULL,
    -- The provider's name for the money that has come.
    payment_intent TEXT,
    order_id   BLOB    REFERENCES orders (id),
    -- For the buyer: why it was declined, or why the money goes back.
    reason     TEXT,
    -- 1 where money that still comes goes back whatever is held, because the sale was reset.
    void       INTEGER NOT NULL DEFAULT 0 CHECK (void IN (0, 1)),
    created_at INTEGER NOT NULL,
    decided_at INTEGER,
    -- When to ask the provider next. Null once nothing more can become of it.
    look_at    INTEGER,
    UNIQUE (hold_id, attempt),
    CHECK ((session IS NULL) = (redirect_url IS NULL)),
    CHECK (status <> 'succeeded' OR order_id IS NOT NULL),
    CHECK (status <> 'pending' OR look_at IS NOT NULL),
    CHECK ((decided_at IS NULL) = (status = 'pending'))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX one_pending_payment_per_hold ON payments (hold_id) WHERE status = 'pending';
CREATE UNIQUE INDEX one_payment_per_order ON payments (order_id) WHERE status = 'succeeded';
CREATE INDEX payments_to_look_at ON payments (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX payments_by_sale ON payments (sale_id, status);

-- Money that has come stays, or goes back. Money that goes back stays so.
CREATE TRIGGER money_is_never_forgotten BEFORE UPDATE ON payments
    WHEN OLD.status = 'refunded' AND NEW.status <> 'refunded'
      OR OLD.status = 'succeeded' AND NEW.status NOT IN ('succeeded', 'refunded')
BEGIN
    SELECT RAISE(ABORT, 'money is never forgotten');
END;

CREATE TRIGGER payments_are_kept BEFORE DELETE ON payments
BEGIN
    SELECT RAISE(ABORT, 'payments are kept');
END;

-- Money on its way back.
CREATE TABLE refunds (
    payment_id BLOB    NOT NULL PRIMARY KEY REFERENCES payments (id),
    -- How often it was asked for anew because the provider failed, or said that the money has not gone.
    attempt    INTEGER NOT NULL DEFAULT 1 CHECK (attempt > 0),
    -- The provider's name for it. Null until it has taken it on.
    refund     TEXT,
    created_at INTEGER NOT NULL,
    -- When to ask the provider next. Null once the money has gone.
    look_at    INTEGER,
    CHECK (look_at IS NOT NULL OR refund IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX refunds_to_look_at ON refunds (look_at) WHERE look_at IS NOT NULL;

-- What the provider has told, so that nothing is heard twice.
CREATE TABLE payment_events (
    id          TEXT    NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 255),
    received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX payment_events_by_age ON payment_events (received_at);
