//! The page for a request that the server refuses before it can render a page. It loads no other files.

use crate::{
    model::pages::HOME,
    ui::kit::html::{Html, html},
};

/// A document with one sentence.
pub fn refusal_page(status: u16, title: &str, detail: &str) -> Html {
    html!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · Onsale</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"dark light\"></head>\
         <body><main><p>{status}</p><h1>{title}</h1><p>{detail}</p><p><a href=\"{home}\">See all sales</a></p></main>\
         </body></html>\n",
        title = title,
        status = u32::from(status),
        detail = detail,
        home = HOME.path,
    )
}
