//! Begins a payment, and makes the provider's page for it.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    super::{
        cashier::{Cashier, within},
        settling::{Begun, ended, unknown_hold, unseen},
    },
    read::told,
    verdict::unpaid,
};
use crate::{
    model::{
        body::PayBody,
        hold::{Hold, HoldStatus},
        ids::{BuyerId, HoldId, PaymentId},
        limits::{
            MAX_PAY_PAGE_LINES, MAX_PAY_PAGE_SECONDS, MAX_RETURN_PATH_CHARACTERS, MIN_PAY_PAGE_SECONDS,
            PAYMENT_LOOK_MILLISECONDS, PROVIDER_PATIENCE_MILLISECONDS,
        },
        order::Contact,
        outcome::{Code, Refusal},
        payment::{Payment, PaymentStatus},
        sale::Checkout,
        time::Timestamp,
    },
    server::{
        engine::{
            answer::Decided, contact, error::EngineError, keys::IdempotencyKey, refusals::invalid,
            selling::desk::Selling,
        },
        payment::{LineItem, NewSession, Provider, ProviderError},
        stock::{KeyClaim, SaleDesk, Stock, contended, key_reused},
        store::{self, FoundHold, NewPayment, PaymentRecord, StoredBody, UnpaidEnd},
    },
};

/// How often a hold is looked at that changes while a payment for it begins.
const MAX_LOOKS: u32 = 4;
const MILLISECONDS_OF_A_SECOND: i64 = 1_000;
/// The provider's word for an address that it does not take.
const BAD_ADDRESS: &str = "email_invalid";
/// The status of the answer that is kept for a key.
const CREATED: u16 = 201;

/// A payment that has begun.
pub struct BegunPayment {
    pub payment: Payment,
    /// Whether this request has begun it. Otherwise it was pending before.
    pub is_new: bool,
    /// Whether an earlier request with the same key has begun it.
    pub is_replayed: bool,
}

/// What a buyer asks for who wants to pay.
struct Asked {
    hold: HoldId,
    buyer: BuyerId,
    /// Where the provider sends the buyer back to.
    return_url: String,
    contact: Option<Contact>,
    /// The newest change of the hold that the buyer has seen, if only what they have seen is to be paid.
    seen: Option<u64>,
    sale: Arc<SaleDesk>,
    key: Option<KeyClaim>,
}

/// What is kept for the key of a request that began a payment. What is told of the payment is read anew.
#[derive(Serialize, Deserialize)]
struct KeptPayment {
    payment: PaymentId,
}

impl Selling {
    /// Begins to pay for a hold, or returns the payment that is pending. `origin` is the shop's address as the buyer sees it,
    /// such as `https://tickets.example.org`. With `seen`, nothing begins if the hold has changed since that `seq`.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn pay(
        self: &Arc<Self>,
        hold: HoldId,
        buyer: BuyerId,
        seen: Option<u64>,
        body: PayBody,
        key: Option<IdempotencyKey>,
        origin: &str,
    ) -> Decided<BegunPayment> {
        let Some(FoundHold { hold: found, contact: rule, .. }) = self.look_up(Some(buyer), hold).await? else {
            return Ok(Err(unknown_hold()));
        };
        let Some(sale) = self.core.find(&found.sale).await? else { return Ok(Err(unknown_hold())) };
        let keyed = self.keyed(key, &format!("POST /holds/{hold}/payments"), &body);
        let path = match return_path(body.return_path, hold) {
            Ok(path) => path,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let contact = match contact::checked(&sale.stock.read(), rule, body.contact.as_ref()) {
            Ok(contact) => contact,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let key = match self.begin(buyer, keyed).await? {
            Begun::New(key) => key,
            Begun::Answered(StoredBody::Sent { status: CREATED, body }) => return self.replay_payment(&body).await,
            Begun::Answered(_) => return Ok(Err(key_reused())),
            Begun::Refused(refusal) => return Ok(Err(refusal)),
        };
        let asked = Asked { hold, buyer, return_url: format!("{origin}{path}"), contact, seen, sale, key };
        let selling = self.clone();
        // Once begun it goes on, even if the client goes away.
        let paying = tokio::spawn(async move { selling.begin_or_find(&asked).await });
        paying.await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()))
    }

    /// The payment that an earlier request with the same key has begun.
    async fn replay_payment(&self, kept: &str) -> Decided<BegunPayment> {
        let unreadable = |_| sqlx::Error::Decode("a kept answer cannot be read".into());
        let KeptPayment { payment } = serde_json::from_str(kept).map_err(unreadable)?;
        let found = self.payment(payment, None).await?.ok_or(sqlx::Error::RowNotFound)?;
        Ok(Ok(BegunPayment { payment: told(&found), is_new: true, is_replayed: true }))
    }

    async fn begin_or_find(&self, asked: &Asked) -> Decided<BegunPayment> {
        let deadline = within(PROVIDER_PATIENCE_MILLISECONDS);
        let Some(cashier) = &self.cashier else { return Ok(Err(no_provider())) };
        for _ in 0..MAX_LOOKS {
            // The payments first: what is pending now makes the hold wait. Read the other way round, a hold that seems to wait
            // for nothing could have a payment that another page has just begun, and whose page would be closed below.
            let known = self.payments(asked.hold).await?;
            let Some(hold) = self.find_hold(Some(asked.buyer), asked.hold).await? else {
                return Ok(Err(unknown_hold()));
            };
            let pending = known.iter().find(|payment| payment.status == PaymentStatus::Pending);
            match (hold.status, pending) {
                (HoldStatus::Paying, Some(pending)) => {
                    return Ok(Ok(BegunPayment { payment: told(pending), is_new: false, is_replayed: false }));
                }
                (HoldStatus::Active, _) => {}
                // The payment has begun since the payments were looked at.
                (HoldStatus::Paying, None) => continue,
                _ => return Ok(Err(ended(&hold))),
            }
            let refusal = unseen(&hold, asked.seen).or_else(|| nothing_owed(&asked.sale.stock.read(), &hold));
            if let Some(refusal) = refusal {
                return Ok(Err(refusal));
            }
            self.close_pages(cashier, &known, deadline).await?;
            match self.begin_paying(asked, &hold).await {
                Ok(Some(payment)) => return self.open_first_page(cashier, payment, deadline).await.map(Ok),
                Ok(None) => {}
                Err(error) if store::is_conflict(&error) => {}
                Err(error) if store::is_key_taken(&error) => return Ok(Err(key_reused())),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Err(contended()))
    }

    /// Writes a payment's row and makes its hold wait for it. `None` where the hold has changed since it was looked at.
    async fn begin_paying(&self, asked: &Asked, hold: &Hold) -> Result<Option<PaymentId>, sqlx::Error> {
        let mut writer = self.core.desk.writer().await?;
        let now = self.core.clock().now();
        let mut transaction = writer.begin_selling(asked.sale.sale_id).await?;
        store::lock_holds(transaction.connection(), &[asked.hold]).await?;
        let seen = (asked.hold, asked.buyer, hold.seq);
        let Some(expires_at) = store::begin_paying(transaction.connection(), seen, now).await? else {
            transaction.rollback().await?;
            writer.settle();
            return Ok(None);
        };
        let store_now = store::store_now(transaction.connection(), now).await?;
        let payment = PaymentId(self.core.desk.identifiers.next(now));
        let new = new_payment(payment, asked, hold, (expires_at, store_now));
        store::insert_payment(transaction.connection(), &new, now).await?;
        if let Some(key) = &asked.key {
            key.guard.remember();
            let body = serde_json::to_string(&KeptPayment { payment }).expect("an id is plain data");
            let (owner, answer) = ((asked.buyer, key.key.as_str()), (CREATED, body.as_str()));
            store::keep_body(transaction.connection(), owner, key.fingerprint, answer, now).await?;
        }
        transaction.commit().await?;
        writer.settle();
        Ok(Some(payment))
    }

    /// Makes the page of a payment that has just begun. Where the provider does not answer in time, the payment is told without
    /// a page, which is made later.
    async fn open_first_page(
        &self,
        cashier: &Cashier,
        payment: PaymentId,
        deadline: Instant,
    ) -> Result<BegunPayment, EngineError> {
        let mut begun = self.payment(payment, None).await?.ok_or(sqlx::Error::RowNotFound)?;
        if let Some(_place) = cashier.place() {
            open_page(self, cashier, &begun, deadline).await?;
            begun = self.payment(payment, None).await?.ok_or(sqlx::Error::RowNotFound)?;
        }
        Ok(BegunPayment { payment: told(&begun), is_new: true, is_replayed: false })
    }
}

/// The row of a payment that begins for a hold that ends at `expires_at`.
fn new_payment(
    payment: PaymentId,
    asked: &Asked,
    hold: &Hold,
    (expires_at, store_now): (Timestamp, Timestamp),
) -> NewPayment {
    let in_seconds = |seconds: i64| store_now.plus_milliseconds(seconds * MILLISECONDS_OF_A_SECOND);
    let ends_at = expires_at.clamp(in_seconds(MIN_PAY_PAGE_SECONDS), in_seconds(MAX_PAY_PAGE_SECONDS));
    let items = lines(&asked.sale.stock.read(), hold);
    NewPayment {
        payment,
        hold: asked.hold,
        sale_id: asked.sale.sale_id,
        buyer: asked.buyer,
        amount: hold.total,
        currency: hold.currency.clone(),
        hold_seq: hold.seq,
        items: serde_json::to_string(&items).expect("lines are plain data"),
        return_url: asked.return_url.clone(),
        contact: asked.contact.clone(),
        session_ends_at_seconds: u64::try_from(ends_at.milliseconds / MILLISECONDS_OF_A_SECOND).unwrap_or_default(),
        look_at: expires_at.min(store_now.plus_milliseconds(PAYMENT_LOOK_MILLISECONDS)),
    }
}

/// Asks the provider for the page of a pending payment. The same page is had however often this is asked.
///
/// # Errors
/// Where the store fails.
pub(super) async fn open_page(
    selling: &Selling,
    cashier: &Cashier,
    payment: &PaymentRecord,
    deadline: Instant,
) -> Result<(), EngineError> {
    let new = page(payment)?;
    let key = format!("{}-{}-{}", payment.hold, payment.attempt, payment.page_failures);
    match make(&cashier.provider, &new, &key, deadline).await {
        Ok((session, redirect_url)) => {
            let mut writer = selling.core.desk.writer().await?;
            let now = selling.core.clock().now();
            store::note_session(writer.in_doubt(), payment.payment, &session, &redirect_url, now).await?;
            writer.settle();
            Ok(())
        }
        Err(NoPage::Refused(reason)) => {
            tracing::error!(payment = %payment.payment, reason, "the payment provider takes no such payment");
            let end = unpaid(PaymentStatus::Expired, "The payment provider does not take this payment.");
            selling.end_unpaid(payment, &UnpaidEnd { only_without_page: true, ..end }).await
        }
        Err(NoPage::NotYet(error)) => {
            tracing::warn!(payment = %payment.payment, %error, "the page of a payment could not be made yet");
            // The provider repeats a failure of its own to whoever comes with the same key. Nobody was told of a page that
            // it may have made.
            if error.is_own_failure() {
                let mut writer = selling.core.desk.writer().await?;
                store::note_page_failure(writer.in_doubt(), payment.payment, payment.page_failures).await?;
                writer.settle();
            }
            Ok(())
        }
    }
}

/// Why there is no page.
enum NoPage {
    /// There will never be one.
    Refused(String),
    NotYet(ProviderError),
}

async fn make(provider: &Provider, new: &NewSession, key: &str, deadline: Instant) -> Result<(String, String), NoPage> {
    let made = match provider.create_session(new, key, deadline).await {
        // Providers are stricter about addresses than we are. The buyer can type one on the page.
        Err(error) if error.has_code(BAD_ADDRESS) => {
            let bare = NewSession { email: None, ..new.clone() };
            provider.create_session(&bare, &format!("{key}-bare"), deadline).await
        }
        made => made,
    };
    match made {
        Ok(session) => match session.url {
            Some(url) => Ok((session.id, url)),
            None => Err(NoPage::Refused("its page has no address".to_owned())),
        },
        Err(error) if error.is_final() => Err(NoPage::Refused(error.to_string())),
        Err(error) => Err(NoPage::NotYet(error)),
    }
}

/// What the provider's page shows and takes: the same however often it is asked for.
fn page(payment: &PaymentRecord) -> Result<NewSession, sqlx::Error> {
    let metadata = [("payment", payment.payment.to_string()), ("hold", payment.hold.to_string())];
    let unreadable = |_| sqlx::Error::Decode("what is paid for cannot be read".into());
    Ok(NewSession {
        reference: payment.payment.to_string(),
        currency: payment.currency.clone(),
        items: serde_json::from_str(&payment.items).map_err(unreadable)?,
        success_url: payment.return_url.clone(),
        cancel_url: payment.return_url.clone(),
        metadata: metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        email: payment.contact.as_ref().map(|contact| contact.email.clone()),
        expires_at: Some(payment.session_ends_at_seconds),
    })
}

/// What the buyer pays for: a line for each price of each tier, with its seats. One line for all where these are too many.
fn lines(stock: &Stock, hold: &Hold) -> Vec<LineItem> {
    let mut grouped: BTreeMap<(usize, u64), (u64, Vec<&str>)> = BTreeMap::new();
    for item in &hold.items {
        let place = stock.tiers.iter().position(|tier| tier.id == item.tier).unwrap_or(stock.tiers.len());
        let (quantity, seats) = grouped.entry((place, item.price)).or_default();
        *quantity += item.quantity;
        seats.extend(item.seat.as_ref().map(|seat| seat.as_str()));
    }
    if grouped.len() > MAX_PAY_PAGE_LINES {
        return vec![LineItem { name: stock.name.to_string(), price: hold.total, quantity: 1 }];
    }
    let line = |((place, price), (quantity, seats)): ((usize, u64), (u64, Vec<&str>))| {
        let tier = stock.tiers.get(place).map_or("", |tier| &tier.name);
        let name = if seats.is_empty() { tier.to_owned() } else { format!("{tier}: {}", seats.join(", ")) };
        LineItem { name: format!("{}, {name}", stock.name), price, quantity }
    };
    grouped.into_iter().map(line).collect()
}

/// The path that the buyer comes back to.
fn return_path(wanted: Option<String>, hold: HoldId) -> Result<String, Refusal> {
    let Some(path) = wanted else { return Ok(format!("/checkout/{hold}")) };
    let is_of_this_shop = path.starts_with('/') && !path.starts_with("//");
    let is_plain = path.chars().all(|sign| sign.is_ascii_graphic() && !matches!(sign, '\\' | '{' | '}' | '#'));
    if is_of_this_shop && is_plain && path.len() <= MAX_RETURN_PATH_CHARACTERS {
        return Ok(path);
    }
    Err(invalid(format!(
        "return_path is a path of this shop, such as /checkout/{hold}, of at most {MAX_RETURN_PATH_CHARACTERS} characters."
    )))
}

fn no_provider() -> Refusal {
    Refusal::new(Code::StepNotAllowed, "This shop has no payment provider.")
}

/// The refusal where nothing is to be paid.
fn nothing_owed(stock: &Stock, hold: &Hold) -> Option<Refusal> {
    let is_owed = stock.terms.checkout == Checkout::Paid && hold.total > 0;
    (!is_owed).then(|| Refusal::new(Code::StepNotAllowed, "There is nothing to pay here; confirm the hold."))
}
