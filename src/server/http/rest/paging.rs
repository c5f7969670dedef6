//! Lists in pages: `?limit=` and `?after=`.

use axum::http::Uri;

use crate::{
    model::limits::MAX_LIST_ENTRIES,
    server::http::{body::read_query, problem::Failure},
};

/// Which part of a list is asked for: all of it where neither parameter is given.
#[derive(PartialEq, Eq, Debug)]
pub struct Paging {
    pub limit: Option<u32>,
    /// The `next` of the previous page.
    pub after: Option<String>,
}

impl Paging {
    pub fn read(uri: &Uri) -> Result<Self, Failure> {
        let [limit, after] = read_query(uri, ["limit", "after"])?;
        Ok(Self { limit: limit.map(|text| read_limit(&text)).transpose()?, after })
    }
}

/// A whole number in decimal digits, without a sign or leading zeros.
fn read_limit(text: &str) -> Result<u32, Failure> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let limit = if is_plain { text.parse().ok() } else { None };
    limit
        .filter(|limit| *limit <= MAX_LIST_ENTRIES)
        .ok_or_else(|| Failure::invalid(format!("limit is a whole number from 1 to {MAX_LIST_ENTRIES}.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Code;

    fn read(query: &str) -> Result<Paging, Code> {
        Paging::read(&format!("/api/v1/orders{query}").parse().unwrap()).map_err(|failure| failure.code())
    }

    #[test]
    fn a_limit_is_a_whole_number_in_its_bounds() {
        assert_eq!(read(""), Ok(Paging { limit: None, after: None }));
        assert_eq!(read("?limit=1000&after=gala"), Ok(Paging { limit: Some(1_000), after: Some("gala".into()) }));
        for limit in
            ["", "0", "-1", "+5", "%2B5", "05", "1.5", "1e2", " 5", "ten", "1001", "99999999999999999999", "%D9%A5"]
        {
            assert_eq!(read(&format!("?limit={}", limit.replace(' ', "%20"))), Err(Code::Invalid), "{limit:?}");
        }
        assert_eq!(read("?limit=5&limit=5"), Err(Code::Malformed));
        assert_eq!(read("?offset=5"), Err(Code::Invalid));
    }
}
