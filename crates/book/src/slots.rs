//! Where books lie in memory.

use crate::book::{Book, Opening};

/// Books in chunks, so that growing never moves nor doubles them.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    chunks: Vec<Chunk>,
    free: Vec<u32>,
}

/// Some books, and beside them when each was opened.
#[derive(Debug)]
struct Chunk {
    books: Vec<Option<Book>>,
    openings: Vec<Opening>,
}

impl Slots {
    /// As many as fill 64 KiB but for the bytes that an allocator needs to align them.
    const CHUNK: usize = 64 * 1024 / size_of::<Option<Book>>() - 2;

    /// The chunk of a place, and where in it that is.
    fn whereabouts(place: u32) -> (usize, usize) {
        (place as usize / Self::CHUNK, place as usize % Self::CHUNK)
    }

    #[inline]
    pub(crate) fn get(&self, place: u32) -> Option<&Book> {
        let (chunk, slot) = Self::whereabouts(place);
        self.chunks.get(chunk)?.books.get(slot)?.as_ref()
    }

    /// The book at this place, and when it was opened.
    #[inline]
    pub(crate) fn get_mut(&mut self, place: u32) -> Option<(&mut Book, &Opening)> {
        let (chunk, slot) = Self::whereabouts(place);
        let chunk = self.chunks.get_mut(chunk)?;
        let book = chunk.books.get_mut(slot)?.as_mut()?;
        Some((book, chunk.openings.get(slot)?))
    }

    /// When the book at this place was opened, or the one that was there last.
    pub(crate) fn opening(&self, place: u32) -> Option<&Opening> {
        let (chunk, slot) = Self::whereabouts(place);
        self.chunks.get(chunk)?.openings.get(slot)
    }

    /// Puts a book into a free slot; gives its place. The limit of open books is far below 2^32.
    pub(crate) fn insert(&mut self, book: Book, opening: Opening) -> u32 {
        if let Some(place) = self.free.pop() {
            let (chunk, slot) = Self::whereabouts(place);
            if let Some(chunk) = self.chunks.get_mut(chunk)
                && let Some(free) = chunk.books.get_mut(slot)
                && let Some(before) = chunk.openings.get_mut(slot)
            {
                *free = Some(book);
                *before = opening;
            }
            return place;
        }
        if self
            .chunks
            .last()
            .is_none_or(|chunk| chunk.books.len() == Self::CHUNK)
        {
            self.chunks.push(Chunk {
                books: Vec::with_capacity(Self::CHUNK),
                openings: Vec::with_capacity(Self::CHUNK),
            });
        }
        let before = (self.chunks.len() - 1) * Self::CHUNK;
        let Some(chunk) = self.chunks.last_mut() else {
            return u32::MAX;
        };
        chunk.books.push(Some(book));
        chunk.openings.push(opening);
        u32::try_from(before + chunk.books.len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn remove(&mut self, place: u32) -> Option<Book> {
        let (chunk, slot) = Self::whereabouts(place);
        let book = self.chunks.get_mut(chunk)?.books.get_mut(slot)?.take();
        if book.is_some() {
            self.free.push(place);
        }
        book
    }
}
