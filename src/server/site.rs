//! The built client and the public files, read into memory once at start. Only paths in that map exist, so no path can
//! lead outside the folder. With `cargo leptos watch` files are read when they are asked for, but only those in the
//! folder's list.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use crate::ui::client_files::ClientFiles;

/// The folder of the hashed files inside the site, and the list of their names.
const PACKAGE_FOLDER: &str = "/pkg/";
const MANIFEST: &str = "/pkg/manifest.json";
/// A name with a hash always means the same bytes. Any other file may change with the next version.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const REVALIDATED: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// Encodings in order of preference. Each encoded file lies beside the plain one, with this ending added to its name.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// The source folder of the style sheet's parts. `cargo leptos watch` does not join them into one file, as our build
/// does.
const STYLE_FOLDER: &str = "style";
const NEVER_KEPT: HeaderValue = HeaderValue::from_static("no-store");

#[derive(Default)]
pub struct Site {
    files: FxHashMap<String, File>,
    client: Option<ClientFiles>,
    /// A folder whose files change while the server runs. They are read when they are asked for.
    watched: Option<PathBuf>,
}

struct File {
    content_type: HeaderValue,
    cache_control: HeaderValue,
    entity_tag: HeaderValue,
    plain: Bytes,
    /// The encoded versions, in the order of [`ENCODINGS`].
    encoded: [Option<Bytes>; 2],
}

impl Site {
    /// Reads the folder that the client's build has written. If it does not exist, the site has no files.
    pub fn load(folder: &Path) -> io::Result<Self> {
        let mut paths = Vec::new();
        if folder.is_dir() {
            list(folder, &mut paths)?;
        }
        let mut files = FxHashMap::default();
        for path in paths.iter().filter(|path| !is_encoded(path)) {
            let relative = path.strip_prefix(folder).map_err(io::Error::other)?;
            let Some(name) = relative.to_str() else { continue };
            files.insert(format!("/{}", name.replace('\\', "/")), File::read(path, name)?);
        }
        let manifest = files.remove(MANIFEST);
        let client = manifest.map(|file| read_manifest(&file.plain)).transpose()?;
        Ok(Self { files, client, watched: None })
    }

    /// Serves the folder that `cargo leptos watch` writes to. Files are read anew for each request.
    pub fn watch(folder: &Path) -> Self {
        let named = |ending| format!("{PACKAGE_FOLDER}onsale.{ending}");
        let client = ClientFiles { js: named("js"), wasm: named("wasm"), css: named("css"), parts: Default::default() };
        Self { files: FxHashMap::default(), client: Some(client), watched: Some(folder.to_owned()) }
    }

    /// The names of the client's files; `None` if the client is not built.
    pub const fn client(&self) -> Option<&ClientFiles> {
        self.client.as_ref()
    }

    /// The file at this path, in the best encoding that the browser accepts; 304 if the browser has the file already.
    pub fn get(&self, path: &str, request: &HeaderMap) -> Option<Response> {
        let read_now;
        let file = match &self.watched {
            None => self.files.get(path)?,
            Some(folder) => {
                read_now = find(folder, path)?;
                &read_now
            }
        };
        let text = |name| request.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
        let accepted = text(header::ACCEPT_ENCODING);
        let encoded = ENCODINGS.iter().zip(&file.encoded).find_map(|((encoding, _), bytes)| {
            bytes.as_ref().filter(|_| accepts(accepted, encoding)).map(|bytes| (*encoding, bytes))
        });
        let is_known = knows(request, &file.entity_tag);

        let mut response = Response::new(match encoded {
            _ if is_known => Body::empty(),
            Some((_, bytes)) => Body::from(bytes.clone()),
            None => Body::from(file.plain.clone()),
        });
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, file.content_type.clone());
        headers.insert(header::CACHE_CONTROL, file.cache_control.clone());
        headers.insert(header::ETAG, file.entity_tag.clone());
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some((encoding, _)) = encoded {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        Some(response)
    }
}

impl File {
    fn read(path: &Path, name: &str) -> io::Result<Self> {
        let plain = fs::read(path)?;
        let mut entity_tag = String::from("W/\"");
        for byte in &Sha256::digest(&plain)[..16] {
            write!(entity_tag, "{byte:02x}").map_err(io::Error::other)?;
        }
        entity_tag.push('"');
        let sibling = |ending: &str| {
            let mut encoded = path.as_os_str().to_owned();
            encoded.push(ending);
            fs::read(PathBuf::from(encoded)).ok().map(Bytes::from)
        };
        let is_hashed = format!("/{name}").starts_with(PACKAGE_FOLDER);
        Ok(Self {
            content_type: content_type(name),
            cache_control: if is_hashed { IMMUTABLE } else { REVALIDATED },
            entity_tag: HeaderValue::from_str(&entity_tag).map_err(io::Error::other)?,
            encoded: ENCODINGS.map(|(_, ending)| sibling(ending)),
            plain: Bytes::from(plain),
        })
    }
}

/// Reads the manifest. It names files of the package folder, with or without the folder itself.
fn read_manifest(bytes: &[u8]) -> io::Result<ClientFiles> {
    let named: ClientFiles = serde_json::from_slice(bytes)?;
    let absolute = |name: String| {
        let file = name.rsplit('/').next().unwrap_or_default();
        format!("{PACKAGE_FOLDER}{file}")
    };
    Ok(ClientFiles {
        js: absolute(named.js),
        wasm: absolute(named.wasm),
        css: absolute(named.css),
        parts: named.parts.into_iter().map(|(part, names)| (part, names.into_iter().map(absolute).collect())).collect(),
    })
}

/// Reads a file of a watched site, or a part of its style sheet. Only files in the list of either folder are read, so
/// no path leads outside.
fn find(site: &Path, path: &str) -> Option<File> {
    let name = path.strip_prefix('/')?;
    let style = Path::new(STYLE_FOLDER);
    let part = path.strip_prefix(PACKAGE_FOLDER).map(|part| (style, style.join(part)));
    let place = [Some((site, site.join(name))), part].into_iter().flatten().find_map(|(folder, place)| {
        let mut paths = Vec::new();
        list(folder, &mut paths).ok()?;
        paths.contains(&place).then_some(place)
    })?;
    let file = File::read(&place, name).ok()?;
    Some(File { cache_control: NEVER_KEPT, ..file })
}

/// Lists all files below a folder, except files and folders whose names start with a dot.
fn list(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            list(&entry.path(), paths)?;
        } else {
            paths.push(entry.path());
        }
    }
    Ok(())
}

fn is_encoded(path: &Path) -> bool {
    path.to_str().is_some_and(|name| ENCODINGS.iter().any(|(_, ending)| name.ends_with(ending)))
}

/// Whether the client has this version already (RFC 9110, 13.1.2). The comparison is weak: a proxy that compresses makes
/// strong tags weak, and the same bytes are meant.
fn knows(request: &HeaderMap, entity_tag: &HeaderValue) -> bool {
    let ours = opaque(entity_tag.as_bytes());
    let known =
        request.get_all(header::IF_NONE_MATCH).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    known.map(<[u8]>::trim_ascii).any(|tag| tag == b"*" || opaque(tag) == ours)
}

/// An entity tag without its mark of weakness.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// Whether an `Accept-Encoding` value accepts this encoding: it names it, and not with a weight of zero.
fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|part| {
        let (name, weight) = part.split_once(';').unwrap_or((part, ""));
        let is_refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(encoding) && !is_refused
    })
}

fn content_type(name: &str) -> HeaderValue {
    HeaderValue::from_static(match name.rsplit('.').next().unwrap_or_default() {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> (tempfile::TempDir, Site) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("pkg")).unwrap();
        for (name, text) in [
            ("pkg/onsale.1f.js", "plain"),
            ("pkg/onsale.1f.js.br", "brotli"),
            ("pkg/onsale.1f.js.gz", "gzip"),
            (
                "pkg/manifest.json",
                r#"{"js":"onsale.1f.js","wasm":"onsale.2f.wasm","css":"/pkg/onsale.3f.css","parts":{"simulator":["4f.wasm","5f.wasm"]}}"#,
            ),
            ("favicon.svg", "<svg/>"),
            (".hidden", "secret"),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let site = Site::load(folder.path()).unwrap();
        (folder, site)
    }

    fn get(site: &Site, path: &str, headers: &[(header::HeaderName, &str)]) -> Option<Response> {
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).unwrap();
        let headers = headers.iter().map(|(name, text)| (name.clone(), value(text))).collect();
        site.get(path, &headers)
    }

    #[test]
    fn the_best_encoding_that_the_client_takes_is_sent() {
        let (_folder, site) = site();
        for (accepted, expected) in [
            ("gzip, br", Some("br")),
            ("gzip", Some("gzip")),
            ("br;q=0, gzip", Some("gzip")),
            ("identity", None),
            ("", None),
        ] {
            let response = get(&site, "/pkg/onsale.1f.js", &[(header::ACCEPT_ENCODING, accepted)]).unwrap();
            let encoding = response.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap());
            assert_eq!(encoding, expected, "{accepted}");
            assert_eq!(response.headers()[header::CACHE_CONTROL], IMMUTABLE);
        }
    }

    #[test]
    fn only_files_that_were_there_at_start_exist() {
        let (_folder, site) = site();
        for path in ["/", "/.hidden", "/pkg", "/pkg/../favicon.svg", "/pkg/.git/config", "/pkg/onsale.1f.js.br"] {
            assert!(get(&site, path, &[]).is_none(), "{path}");
        }
        assert!(Site::load(Path::new("/there/is/none")).unwrap().client().is_none());
    }

    #[tokio::test]
    async fn a_watched_site_is_read_as_it_is_and_not_kept() {
        let (folder, _) = site();
        let site = Site::watch(folder.path());
        let client = site.client().unwrap();
        assert_eq!(
            (&*client.js, &*client.wasm, &*client.css),
            ("/pkg/onsale.js", "/pkg/onsale.wasm", "/pkg/onsale.css")
        );
        for text in ["first", "second"] {
            fs::write(folder.path().join("pkg/onsale.js"), text).unwrap();
            let response = get(&site, &client.js, &[]).unwrap();
            assert_eq!(response.headers()[header::CACHE_CONTROL], NEVER_KEPT);
            assert_eq!(axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap(), text);
        }
        assert!(get(&site, "/pkg/tokens.css", &[]).is_some(), "a part of the style sheet");
        let outside = format!("/pkg/../../{}/.hidden", folder.path().file_name().unwrap().display());
        for path in ["/pkg/none.js", "/pkg", "/", "", "/.hidden", "/pkg/../favicon.svg", "/pkg/../Cargo.toml", &outside]
        {
            assert!(get(&site, path, &[]).is_none(), "{path}");
        }
    }

    #[test]
    fn a_file_that_the_client_has_is_not_sent_again() {
        let (_folder, site) = site();
        let first = get(&site, "/favicon.svg", &[]).unwrap();
        assert_eq!(first.headers()[header::CACHE_CONTROL], REVALIDATED);
        let entity_tag = first.headers()[header::ETAG].to_str().unwrap();
        let strong = entity_tag.trim_start_matches("W/");
        for known in [entity_tag, strong, "*", &format!("\"x,y\",{strong} , W/\"z\""), &format!("\"é\", {entity_tag}")]
        {
            let again = get(&site, "/favicon.svg", &[(header::IF_NONE_MATCH, known)]).unwrap();
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        for other in ["", "\"x\"", "W/\"x\"", strong.trim_matches('"'), &entity_tag.to_lowercase()] {
            let again = get(&site, "/favicon.svg", &[(header::IF_NONE_MATCH, other)]).unwrap();
            assert_eq!(again.status(), StatusCode::OK, "{other}");
        }
    }

    #[test]
    fn the_manifest_names_the_client() {
        let (_folder, site) = site();
        let client = site.client().unwrap();
        assert_eq!((client.js.as_str(), client.css.as_str()), ("/pkg/onsale.1f.js", "/pkg/onsale.3f.css"));
        assert_eq!(client.parts["simulator"], ["/pkg/4f.wasm", "/pkg/5f.wasm"]);
    }
}
