//! The state's file: one line of JSON for each change. A change is in the file as a whole before it is answered, so a
//! kill at any moment loses nothing that was acknowledged. A line that a kill has torn was not acknowledged, and is cut
//! off. At each start the file is written anew beside the old one and put in its place in one step.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::{book::Book, book_entries::Change};

/// The first line. It says what the file is.
const HEADER: &str = r#"{"onsale_provider":1}"#;

pub struct Journal {
    file: File,
    /// The file's length in bytes up to the last whole change.
    length: u64,
    /// Whether a write has failed, so that the end of the file may be torn.
    is_torn: bool,
}

impl Journal {
    /// Opens the file, or makes it, and reads the book in it. Answers that are older than `oldest`, in seconds since
    /// 1970, are forgotten.
    ///
    /// # Errors
    /// One sentence, if the file cannot be used, is no such file, or is used by another process.
    pub fn open(path: &Path, oldest: i64) -> Result<(Self, Book), String> {
        let failed = |error: &dyn std::fmt::Display| format!("{} cannot be used: {error}", path.display());
        let mut book = Book::default();
        let before = match File::open(path) {
            Ok(mut file) => {
                file.try_lock().map_err(|error| failed(&error))?;
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map_err(|error| failed(&error))?;
                read(&bytes, &mut book).map_err(|error| failed(&error))?;
                Some(file)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(&error)),
        };
        let journal = write_anew(path, &book.whole(oldest)).map_err(|error| failed(&error))?;
        drop(before);
        Ok((journal, book))
    }

    /// A journal in a file whose whole content is known.
    #[cfg(test)]
    pub fn at(file: File) -> Self {
        Self { file, length: 0, is_torn: false }
    }

    /// Writes a change, and flushes it to the disk if somebody is told of it. Without the flush it survives a kill, but
    /// not a loss of power.
    ///
    /// # Errors
    /// If that fails; then the change is not in the file.
    pub fn append(&mut self, change: &Change, is_flushed: bool) -> std::io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            self.is_torn = false;
        }
        let line = line(change)?;
        let flush = |file: &File| if is_flushed { file.sync_data() } else { Ok(()) };
        let written = self.file.write_all(&line).and_then(|()| flush(&self.file));
        match written {
            Ok(()) => self.length += line.len() as u64,
            Err(_) => self.is_torn = true,
        }
        written
    }
}

fn line(change: &Change) -> std::io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(change)?;
    line.push(b'\n');
    Ok(line)
}

/// Reads the whole lines of a file.
fn read(bytes: &[u8], book: &mut Book) -> Result<(), String> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut lines = bytes[..whole].split(|byte| *byte == b'\n').enumerate();
    match lines.next() {
        Some((_, first)) if first == HEADER.as_bytes() => {}
        // An empty file, or one whose first line was torn.
        Some((_, first)) if first.is_empty() && HEADER.as_bytes().starts_with(bytes) => return Ok(()),
        _ => return Err("it is no state of a payment provider".to_owned()),
    }
    for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let change =
            serde_json::from_slice(line).map_err(|error| format!("line {} is damaged: {error}", number + 1))?;
        book.apply(change);
    }
    Ok(())
}

/// Writes a new file with this one change, and puts it in the place of the old one.
fn write_anew(path: &Path, change: &Change) -> std::io::Result<Journal> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&beside)?;
    file.try_lock()?;
    let mut bytes = [HEADER.as_bytes(), b"\n"].concat();
    bytes.extend(line(change)?);
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    Ok(Journal { file, length: bytes.len() as u64, is_torn: false })
}

#[cfg(test)]
mod tests {
    use super::{
        super::book_entries::{Delivery, Entry},
        *,
    };

    fn change(number: u64) -> Change {
        let delivery = Delivery {
            number,
            event: format!("evt_{number}"),
            body: "a\nb".to_owned(),
            due: 0,
            created: 0,
            tries: 0,
            is_forged: false,
            last_status: None,
            is_done: false,
        };
        Change { ids: number, entries: vec![Entry::Delivery(delivery)] }
    }

    #[test]
    fn every_acknowledged_change_is_there_again_and_a_torn_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (mut journal, book) = Journal::open(&path, 0).unwrap();
        assert!(book.waiting.is_empty());
        journal.append(&change(1), true).unwrap();
        journal.append(&change(2), false).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        let second = String::from_utf8_lossy(&whole).rfind("{\"ids\":2").unwrap();
        // The process may die at every single byte of the second change.
        for end in second..=whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let (journal, book) = Journal::open(&path, 0).unwrap();
            let expected = if end == whole.len() { 2 } else { 1 };
            assert_eq!((book.waiting.len() as u64, book.ids), (expected, expected), "cut at {end}");
            drop(journal);
            let (_, again) = Journal::open(&path, 0).unwrap();
            assert_eq!(again.whole(0), book.whole(0));
        }
        for end in 0..HEADER.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            assert!(Journal::open(&path, 0).is_ok(), "cut at {end}");
        }
    }

    #[test]
    fn a_file_of_something_else_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        for foreign in [
            "SQLite format 3\n",
            "{}\n",
            "{\"onsale_provider\":1}\nnot JSON\n{\"ids\":1,\"entries\":[]}\n",
            "no line end",
        ] {
            std::fs::write(&path, foreign).unwrap();
            let Err(error) = Journal::open(&path, 0) else { panic!("{foreign} was read") };
            assert!(error.contains("state") && error.contains("cannot be used"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), foreign);
        }
    }

    #[test]
    fn two_processes_do_not_share_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let first = Journal::open(&path, 0).unwrap();
        assert!(Journal::open(&path, 0).is_err());
        drop(first);
        assert!(Journal::open(&path, 0).is_ok());
        assert!(Journal::open(&folder.path().join("missing").join("state"), 0).is_err());
    }
}
