//! The page on which a buyer pays: plain HTML without script.

use super::{
    book_entries::{Failure, Item, Session, SessionState},
    charging::paid_url,
    written::pay_url,
};
use crate::{
    server::payment::amount::provider_digits,
    ui::kit::{
        html::{Html, html},
        money::money,
    },
};

/// The page's only other file.
pub const STYLE_PATH: &str = "/pay.css";
pub const STYLE: &str = include_str!("pay_page.css");

/// What the page is made of.
pub struct PayPage<'a> {
    pub session: &'a Session,
    /// Why the last attempt failed.
    pub failure: Option<&'a Failure>,
    pub base_url: &'a str,
    /// The query under which the page was opened; its faults go along with both buttons.
    pub query: &'a str,
}

impl PayPage<'_> {
    pub fn write(&self) -> Html {
        let total = self.amount(self.session.amount_total);
        let body = match self.session.state {
            SessionState::Open => self.choice(&total),
            SessionState::Complete => {
                over("This payment has been made", "Back to the shop", Some(&paid_url(self.session)))
            }
            SessionState::Expired => {
                let back = self.session.cancel_url.as_deref();
                over("This payment page is no longer valid", "Back to the shop", back)
            }
        };
        let rows: Html = self.session.items.iter().map(|item| self.row(item)).collect();
        let content = html!(
            "<h1>{total}</h1><p class=\"for\">{reference}</p><ul class=\"items\">{rows}</ul>\
             <p class=\"total\"><span>Total</span> <strong>{total}</strong></p>{body}",
            total = total,
            reference = self.session.client_reference_id,
            rows = rows,
            body = body,
        );
        document("Pay", &content)
    }

    fn choice(&self, total: &str) -> Html {
        let query = if self.query.is_empty() { String::new() } else { ["?", self.query].concat() };
        let action = |verb: &str| [&pay_url(self.base_url, &self.session.id), "/", verb, &query].concat();
        let failure = self.failure.map(|failure| {
            html!(
                "<p class=\"failure\" role=\"alert\" data-testid=\"provider-failure\">{message} You can try another card.</p>",
                message = failure.message.as_str()
            )
        });
        let back = self.session.cancel_url.as_deref().map(|url| {
            html!(
                "<p class=\"back\"><a data-testid=\"provider-cancel\" href=\"{url}\">Cancel and go back</a></p>",
                url = url
            )
        });
        html!(
            "{failure}<form method=\"post\" action=\"{pay}\"><button class=\"pay\" data-testid=\"provider-pay\">Pay \
             {total}</button></form><form method=\"post\" action=\"{decline}\">\
             <button class=\"decline\" data-testid=\"provider-decline\">Pay with a card that is declined</button></form>{back}",
            failure = failure,
            pay = action("pay"),
            total = total,
            decline = action("decline"),
            back = back,
        )
    }

    fn row(&self, item: &Item) -> Html {
        html!(
            "<li><span class=\"name\">{name}</span> <span class=\"quantity\">{quantity} × {price}</span> \
             <span class=\"sum\">{sum}</span></li>",
            name = item.name.as_str(),
            quantity = item.quantity,
            price = self.amount(item.unit_amount),
            sum = self.amount(item.unit_amount.saturating_mul(item.quantity)),
        )
    }

    fn amount(&self, amount: u64) -> String {
        let currency = self.session.currency.to_ascii_uppercase();
        money(amount, &currency, provider_digits(&currency))
    }
}

fn over(told: &str, link: &str, url: Option<&str>) -> Html {
    let back = url.map(|url| html!("<p class=\"back\"><a href=\"{url}\">{link}</a></p>", url = url, link = link));
    html!("<p class=\"over\" role=\"status\">{told}.</p>{back}", told = told, back = back)
}

/// A page with one sentence.
pub fn sentence_page(title: &str, sentence: &str) -> Html {
    document(title, &html!("<h1 class=\"plain\">{title}</h1><p>{sentence}</p>", title = title, sentence = sentence))
}

fn document(title: &str, content: &Html) -> Html {
    html!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · Test payments</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" content=\"noindex\">\
         <link rel=\"stylesheet\" href=\"{sheet}\"></head><body><main>\
         <p class=\"notice\"><strong>Test payments</strong> No money moves, and no card is needed.</p>{content}\
         </main></body></html>\n",
        title = title,
        sheet = STYLE_PATH,
        content = *content,
    )
}
