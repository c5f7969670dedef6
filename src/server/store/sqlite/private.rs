//! Keeps the database's files to their owner: the secret that signs sessions and every buyer's orders are in them.
//!
//! SQLite gives the files that it makes beside the database (the write-ahead log, its index, a rollback journal) the
//! mode of the database's own file. So it is enough that this file is made by us, and that old files are tightened.

use std::{
    fs::{OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Reading and writing for the owner, nothing for anybody else.
const OWNER_ONLY: u32 = 0o600;
/// The bits of a mode that let somebody else in.
const ANYBODY_ELSE: u32 = 0o077;
/// What SQLite appends to the database's name for the files beside it.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Makes the database's file for its owner alone where it does not exist, and tightens the files that others may read.
/// A file that cannot be made is left to SQLite, which says why.
pub fn keep_private(file: &Path) {
    let _ = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(file);
    for path in BESIDE.map(|ending| beside(file, ending)) {
        match tighten(&path) {
            Ok(Some(mode)) => tracing::warn!(
                file = %path.display(),
                was = format!("{mode:03o}"),
                "the database could be read by others; now only its owner can"
            ),
            Ok(None) => {}
            Err(error) => tracing::warn!(
                file = %path.display(),
                %error,
                "others can read the database, and this cannot be changed; its owner can with chmod 600"
            ),
        }
    }
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Takes a file away from everybody but its owner. Returns the mode that it had, where that let others in.
fn tighten(path: &Path) -> io::Result<Option<u32>> {
    let mode = match std::fs::metadata(path) {
        Ok(found) if found.is_file() => found.permissions().mode() & 0o777,
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if mode & ANYBODY_ELSE == 0 {
        return Ok(None);
    }
    std::fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY))?;
    Ok(Some(mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::store::Store;

    fn modes(folder: &Path) -> Vec<(String, u32)> {
        let mut modes: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                (entry.file_name().into_string().unwrap(), mode)
            })
            .collect();
        modes.sort();
        modes
    }

    #[tokio::test]
    async fn the_database_and_what_stands_beside_it_are_their_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sale.db");
        let url = format!("sqlite:{}", file.display());
        let expected = ["sale.db", "sale.db-shm", "sale.db-wal"].map(|name| (name.to_owned(), OWNER_ONLY));
        let store = Store::open(&url).await.unwrap();
        assert_eq!(modes(folder.path()), expected);
        // An older version made its files with the usual mode, and may have been killed with its log beside it.
        for (name, _) in &expected {
            std::fs::set_permissions(folder.path().join(name), Permissions::from_mode(0o644)).unwrap();
        }
        let again = Store::open(&url).await.unwrap();
        assert_eq!(modes(folder.path()), expected);
        again.close().await;
        store.close().await;
    }

    #[test]
    fn only_a_file_that_lets_others_in_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sale.db");
        assert_eq!(tighten(&file).unwrap(), None, "there is none");
        keep_private(&file);
        assert_eq!(tighten(&file).unwrap(), None);
        for (open, tightened) in [(0o644, true), (0o640, true), (0o602, true), (0o400, false)] {
            std::fs::set_permissions(&file, Permissions::from_mode(open)).unwrap();
            assert_eq!(tighten(&file).unwrap(), tightened.then_some(open), "{open:o}");
        }
    }
}
