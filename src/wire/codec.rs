//! JSON for server functions, as the library's own codec has it. But the browser reads it with the small reader of
//! [`super::json`], and writes it without the tables that printing fractions needs: both keep the download small.

use std::io;

use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType, codec::Post};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::ser::{Formatter, Serializer};

use super::json;
use crate::model::strict::Object;

/// The codec of every server function.
pub type Wire = Post<WireEncoding>;

pub struct WireEncoding;

impl ContentType for WireEncoding {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for WireEncoding {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for WireEncoding {
    type Error = serde_json::Error;

    fn encode(value: &T) -> Result<Bytes, Self::Error> {
        write(value).map(Bytes::from)
    }
}

/// Writes a value as JSON in one line.
pub fn write(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    if cfg!(feature = "ssr") {
        return serde_json::to_vec(value);
    }
    let mut written = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut written, BrowserNumbers))?;
    Ok(written)
}

/// Lets the browser print numbers with a fraction.
struct BrowserNumbers;

impl Formatter for BrowserNumbers {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let text = js_sys::Number::from(value).to_string_with_radix(10).map(String::from).unwrap_or_default();
        writer.write_all(text.as_bytes())
    }
}

/// Reads the arguments of a server function as REST reads its bodies: one object of known fields. The structs of the
/// arguments are written by a macro and would pass unknown fields over.
fn read_arguments<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut unknown = None;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = serde_ignored::deserialize(&mut reader, |field| unknown = unknown.take().or(Some(field.to_string())));
    let Object(arguments) = read.map_err(|error: serde_json::Error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    match unknown {
        None => Ok(arguments),
        Some(field) => Err(format!("there is no argument {field}")),
    }
}

impl<T: DeserializeOwned> Decodes<T> for WireEncoding {
    type Error = String;

    fn decode(bytes: Bytes) -> Result<T, Self::Error> {
        if cfg!(feature = "ssr") {
            return read_arguments(&bytes);
        }
        std::str::from_utf8(&bytes).ok().and_then(json::read).ok_or_else(|| "unreadable".to_owned())
    }
}
