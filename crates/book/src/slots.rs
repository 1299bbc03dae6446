//! Where books lie in memory.

use crate::book::Book;

/// Books in chunks, so that growing never moves nor doubles them.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    chunks: Vec<Chunk>,
    free: Vec<u32>,
}

/// Some books, and beside them the number of the opening of each.
#[derive(Debug)]
struct Chunk {
    books: Vec<Option<Book>>,
    openings: Vec<u32>,
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

    #[inline]
    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut Book> {
        let (chunk, slot) = Self::whereabouts(place);
        self.chunks.get_mut(chunk)?.books.get_mut(slot)?.as_mut()
    }

    /// The number of the opening of the book at this place.
    pub(crate) fn opening(&self, place: u32) -> Option<u32> {
        let (chunk, slot) = Self::whereabouts(place);
        self.chunks.get(chunk)?.openings.get(slot).copied()
    }

    /// Notes the number of the opening of the book at this place.
    pub(crate) fn set_opening(&mut self, place: u32, opening: u32) {
        let (chunk, slot) = Self::whereabouts(place);
        let chunk = self.chunks.get_mut(chunk);
        if let Some(own) = chunk.and_then(|chunk| chunk.openings.get_mut(slot)) {
            *own = opening;
        }
    }

    /// Puts a book into a free slot; gives its place. The limit of open books is far below 2^31.
    pub(crate) fn insert(&mut self, book: Book) -> u32 {
        if let Some(place) = self.free.pop() {
            let (chunk, slot) = Self::whereabouts(place);
            if let Some(chunk) = self.chunks.get_mut(chunk)
                && let Some(free) = chunk.books.get_mut(slot)
            {
                *free = Some(book);
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
                openings: vec![0; Self::CHUNK],
            });
        }
        let before = (self.chunks.len() - 1) * Self::CHUNK;
        let Some(chunk) = self.chunks.last_mut() else {
            return u32::MAX;
        };
        chunk.books.push(Some(book));
        u32::try_from(before + chunk.books.len() - 1).unwrap_or(u32::MAX)
    }

    /// Frees a slot, with the book that is there.
    pub(crate) fn free(&mut self, place: u32) {
        let (chunk, slot) = Self::whereabouts(place);
        let chunk = self.chunks.get_mut(chunk);
        if let Some(book) = chunk.and_then(|chunk| chunk.books.get_mut(slot))
            && book.is_some()
        {
            *book = None;
            self.free.push(place);
        }
    }
}
