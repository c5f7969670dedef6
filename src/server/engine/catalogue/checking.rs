//! Checks an organiser's requests before anything is written: names, bounds, layouts.

use super::wording::{check_message, check_name};
use crate::{
    model::{
        body::{NewSale, NewTier, SalePatch, StockBody},
        limits::{
            MAX_GENERAL_ADMISSION_UNITS, MAX_HOLD_EXTENSIONS, MAX_HOLD_TTL_SECONDS, MAX_PRICE, MAX_PRICE_STEPS,
            MAX_SEATS_PER_SALE, MAX_TIERS_PER_SALE,
        },
        outcome::{Code, Refusal},
        sale::{Checkout, PriceStep},
        strategy::StrategyKind,
    },
    server::{
        currency::can_be_a_price,
        engine::{options::Till, refusals::invalid},
        stock::Stock,
    },
};

/// The currency where none is named.
const DEFAULT_CURRENCY: &str = "USD";

/// Whether this server can sell the new sale.
pub fn check_new_sale(
    body: &NewSale,
    till: Till,
    support: impl Fn(StrategyKind) -> Result<(), &'static str>,
) -> Result<(), Refusal> {
    check_name(&body.name)?;
    let strategy = body.strategy.unwrap_or_default();
    if strategy == StrategyKind::Naive && body.rehearsal != Some(true) {
        return Err(unsupported("naive oversells: only a rehearsal may use it."));
    }
    check_support(strategy, support(strategy))?;
    check_hold_ttl(body.hold_ttl_seconds)?;
    check_extensions(body.hold_extension_seconds, body.hold_extensions, body.payment_grace_seconds)?;
    check_limit(body.max_per_buyer)?;
    if body.checkout == Some(Checkout::Paid) && !till.has_provider && !till.is_demo {
        return Err(invalid("checkout cannot be paid: this server has no payment provider."));
    }
    if body.tiers.is_empty() || body.tiers.len() > MAX_TIERS_PER_SALE {
        return Err(invalid(format!("A sale has 1 to {MAX_TIERS_PER_SALE} tiers.")));
    }
    body.tiers.iter().try_for_each(check_tier)?;
    let seats = body.tiers.iter().filter_map(|tier| tier.seats?.seats()).fold(0_u64, u64::saturating_add);
    if seats > MAX_SEATS_PER_SALE {
        return Err(invalid(format!("A sale has at most {MAX_SEATS_PER_SALE} seats.")));
    }
    let currency = currency(&body.tiers[0]);
    if body.tiers.iter().any(|tier| self::currency(tier) != currency) {
        return Err(invalid("All tiers of a sale have one currency."));
    }
    Ok(())
}

/// Whether a sale may be reset and sold by another strategy: it must be a rehearsal, and this server must be able to
/// run the strategy.
pub fn check_rehearsal(
    is_rehearsal: bool,
    strategy: StrategyKind,
    support: Result<(), &'static str>,
) -> Result<(), Refusal> {
    if !is_rehearsal {
        return Err(unsupported(
            "Only a rehearsal changes its strategy; any other sale keeps the one it was made with.",
        ));
    }
    check_support(strategy, support)
}

fn check_support(strategy: StrategyKind, support: Result<(), &'static str>) -> Result<(), Refusal> {
    support.map_err(|reason| unsupported(&format!("This server cannot run {}. {reason}", strategy.name())))
}

fn unsupported(detail: &str) -> Refusal {
    Refusal::new(Code::StrategyUnsupported, detail)
}

fn check_hold_ttl(seconds: Option<u32>) -> Result<(), Refusal> {
    match seconds {
        Some(seconds) if !(1..=MAX_HOLD_TTL_SECONDS).contains(&seconds) => {
            Err(invalid(format!("hold_ttl_seconds is a whole number from 1 to {MAX_HOLD_TTL_SECONDS}.")))
        }
        _ => Ok(()),
    }
}

/// Whether a hold may be extended in this way: by how many seconds, how often, and for how long it lives on while it is paid.
fn check_extensions(seconds: Option<u32>, times: Option<u32>, grace_seconds: Option<u32>) -> Result<(), Refusal> {
    if seconds.is_some_and(|seconds| !(1..=MAX_HOLD_TTL_SECONDS).contains(&seconds)) {
        return Err(invalid(format!("hold_extension_seconds is a whole number from 1 to {MAX_HOLD_TTL_SECONDS}.")));
    }
    if times.is_some_and(|times| times > MAX_HOLD_EXTENSIONS) {
        return Err(invalid(format!("hold_extensions is a whole number from 0 to {MAX_HOLD_EXTENSIONS}.")));
    }
    if grace_seconds.is_some_and(|seconds| seconds > MAX_HOLD_TTL_SECONDS) {
        return Err(invalid(format!("payment_grace_seconds is a whole number from 0 to {MAX_HOLD_TTL_SECONDS}.")));
    }
    Ok(())
}

fn check_limit(limit: Option<u32>) -> Result<(), Refusal> {
    if limit == Some(0) { Err(invalid("max_per_buyer is a whole number above 0.")) } else { Ok(()) }
}

fn check_tier(tier: &NewTier) -> Result<(), Refusal> {
    check_name(&tier.name)?;
    if tier.price > MAX_PRICE {
        return Err(invalid(format!("A price is at most {MAX_PRICE} minor units.")));
    }
    tier.price_steps.as_deref().map_or(Ok(()), check_price_steps)?;
    if !can_be_a_price(currency(tier)) {
        return Err(invalid("A currency is three capital letters, one that ISO 4217 lists as money: USD, EUR, JPY."));
    }
    match (tier.seats, tier.quantity) {
        (Some(layout), None) => match layout.seats() {
            Some(1..=MAX_SEATS_PER_SALE) => Ok(()),
            _ => Err(invalid(format!("A seated tier has 1 to {MAX_SEATS_PER_SALE} seats."))),
        },
        (None, Some(1..=MAX_GENERAL_ADMISSION_UNITS)) => Ok(()),
        (None, Some(_)) => Err(invalid(format!("General admission has 1 to {MAX_GENERAL_ADMISSION_UNITS} units."))),
        _ => Err(invalid("A tier has either seats or a quantity.")),
    }
}

fn check_price_steps(steps: &[PriceStep]) -> Result<(), Refusal> {
    if steps.is_empty() || steps.len() > MAX_PRICE_STEPS {
        return Err(invalid(format!("price_steps has 1 to {MAX_PRICE_STEPS} entries.")));
    }
    if steps.iter().any(|step| !(1..=100).contains(&step.sold_percent))
        || !steps.is_sorted_by(|one, next| one.sold_percent < next.sold_percent)
    {
        return Err(invalid(
            "The sold_percent of price_steps are whole numbers from 1 to 100, each larger than the one before.",
        ));
    }
    if steps.iter().any(|step| step.price > MAX_PRICE) {
        return Err(invalid(format!("A price is at most {MAX_PRICE} minor units.")));
    }
    Ok(())
}

/// A tier's currency, named or not.
pub fn currency(tier: &NewTier) -> &str {
    tier.currency.as_deref().unwrap_or(DEFAULT_CURRENCY)
}

/// Whether a patch's values are within their bounds.
pub fn check_patch(body: &SalePatch) -> Result<(), Refusal> {
    body.name.as_deref().map_or(Ok(()), check_name)?;
    check_hold_ttl(body.hold_ttl_seconds)?;
    check_extensions(body.hold_extension_seconds, body.hold_extensions, body.payment_grace_seconds)?;
    check_limit(body.max_per_buyer.flatten())?;
    body.message.iter().flatten().try_for_each(|message| check_message(message))
}

/// The tier's position and the units to add, if there is room for them.
pub fn check_stock(stock: &Stock, body: &StockBody) -> Result<(usize, u64), Refusal> {
    let Some(tier_index) = stock.tier_index(&body.tier) else {
        return Err(Refusal::new(Code::NotFound, format!("There is no tier {} in this sale.", body.tier)));
    };
    let tier = &stock.tiers[tier_index];
    let (most, present) = if tier.seated {
        (MAX_SEATS_PER_SALE, stock.seats.len() as u64)
    } else {
        (MAX_GENERAL_ADMISSION_UNITS, tier.counts.capacity())
    };
    match u64::try_from(body.add) {
        Ok(add) if add > 0 && add <= most.saturating_sub(present) => Ok((tier_index, add)),
        _ => Err(invalid(format!(
            "add is a whole number above 0; there is room for {} more.",
            most.saturating_sub(present)
        ))),
    }
}
