//! Counts the pages of this browser that have a stream, from the messages that these pages send. Used where the browser
//! has no locks. Pure.

use super::connection::MAX_STREAMS;

/// Ticks for which a page listens before it opens a stream. Also the ticks after which a silent page no longer counts.
const MEMORY_TICKS: u32 = 3;

/// What one page knows about the streams of the other pages.
#[derive(Debug)]
pub struct Census {
    /// This page's number, drawn at random.
    number: u32,
    ticks: u32,
    /// The numbers of other pages that have a stream, each with the tick of its last message.
    viewers: Vec<(u32, u32)>,
}

impl Census {
    pub const fn new(number: u32) -> Self {
        Self { number, ticks: 0, viewers: Vec::new() }
    }

    pub const fn number(&self) -> u32 {
        self.number
    }

    pub fn tick(&mut self) {
        self.ticks += 1;
        let ticks = self.ticks;
        self.viewers.retain(|&(_, heard_at)| heard_at + MEMORY_TICKS >= ticks);
    }

    pub fn hear(&mut self, number: u32) {
        self.viewers.retain(|&(known, _)| known != number);
        self.viewers.push((number, self.ticks));
    }

    /// Whether this page may have a stream. When too many pages opened a stream in the same moment, the pages with the
    /// highest numbers close theirs.
    pub fn may_stream(&self, has_stream: bool) -> bool {
        let before = self.viewers.iter().filter(|&&(number, _)| !has_stream || number < self.number).count();
        self.ticks >= MEMORY_TICKS && before < usize::from(MAX_STREAMS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_ticks(number: u32, ticks: u32) -> Census {
        let mut census = Census::new(number);
        (0..ticks).for_each(|_| census.tick());
        census
    }

    #[test]
    fn a_page_listens_before_it_opens_a_stream() {
        assert!(!after_ticks(1, MEMORY_TICKS - 1).may_stream(false));
        assert!(after_ticks(1, MEMORY_TICKS).may_stream(false));
    }

    #[test]
    fn the_fourth_page_has_no_stream_until_another_is_gone() {
        let mut census = after_ticks(1, MEMORY_TICKS);
        [7, 8, 9, 9, 8].into_iter().for_each(|number| census.hear(number));
        assert!(!census.may_stream(false), "also not with the lowest number");
        for _ in 0..=MEMORY_TICKS {
            census.tick();
            census.hear(8);
            census.hear(9);
        }
        assert!(census.may_stream(false));
    }

    #[test]
    fn of_four_that_began_together_the_one_with_the_highest_number_gives_up() {
        let numbers = [4, 2, 9, 5];
        let stay = numbers.map(|own| {
            let mut census = after_ticks(own, MEMORY_TICKS);
            numbers.into_iter().filter(|&number| number != own).for_each(|number| census.hear(number));
            census.may_stream(true)
        });
        assert_eq!(stay, [true, true, false, true]);
    }
}
