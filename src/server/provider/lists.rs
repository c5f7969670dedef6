//! Charges and refunds, page by page, the newest first.

use serde_json::{Value, json};

use super::{
    api_error::ApiError,
    book::{Book, Series},
    form_reader::FormReader,
    written,
};

const DEFAULT_ITEMS: u64 = 10;
const MAX_ITEMS: u64 = 100;

pub fn charges(book: &Book, mut query: FormReader) -> Result<Value, ApiError> {
    let payment = query.take("payment_intent");
    let page = Wanted::read(query)?;
    page.of("/v1/charges", "charge", &book.charges, written::charge, |charge| {
        payment.as_ref().is_none_or(|payment| *payment == charge.payment)
    })
}

pub fn refunds(book: &Book, mut query: FormReader) -> Result<Value, ApiError> {
    let (payment, charge) = (query.take("payment_intent"), query.take("charge"));
    let page = Wanted::read(query)?;
    page.of("/v1/refunds", "refund", &book.refunds, written::refund, |refund| {
        payment.as_ref().is_none_or(|payment| *payment == refund.payment)
            && charge.as_ref().is_none_or(|charge| *charge == refund.charge)
    })
}

/// The part of a list that is asked for.
struct Wanted {
    limit: usize,
    /// The id of the last object of the part before.
    after: Option<String>,
}

impl Wanted {
    fn read(mut query: FormReader) -> Result<Self, ApiError> {
        let limit = query.take_number("limit")?.unwrap_or(DEFAULT_ITEMS);
        if !(1..=MAX_ITEMS).contains(&limit) {
            let message = format!("Invalid integer: limit must be from 1 to {MAX_ITEMS}");
            return Err(ApiError::invalid(message).code("parameter_invalid_integer").param("limit"));
        }
        let after = query.take("starting_after");
        query.ignore(&["expand"]);
        query.finish()?;
        Ok(Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), after })
    }

    fn of<T>(
        self,
        url: &str,
        kind: &str,
        series: &Series<T>,
        write: impl Fn(&T) -> Value,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Result<Value, ApiError> {
        let end = match &self.after {
            Some(id) => series.place(id).ok_or_else(|| ApiError::no_such(kind, id, "starting_after"))?,
            None => series.all().len(),
        };
        let mut rest = series.all()[..end].iter().rev().filter(|object| is_wanted(object));
        let data: Vec<Value> = rest.by_ref().take(self.limit).map(write).collect();
        let has_more = rest.next().is_some();
        Ok(json!({ "object": "list", "url": url, "has_more": has_more, "data": data }))
    }
}
