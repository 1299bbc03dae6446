//! Where books lie in memory.

use crate::book::Book;

/// Books in chunks, so that growing never moves nor doubles them.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    chunks: Vec<Vec<Option<Book>>>,
    free: Vec<u32>,
}

impl Slots {
    /// As many as fill 128 KiB, which is a size that an allocator gives without a rest.
    const CHUNK: usize = 128 * 1024 / size_of::<Option<Book>>();

    pub(crate) fn get(&self, place: u32) -> Option<&Book> {
        let (chunk, slot) = (place as usize / Self::CHUNK, place as usize % Self::CHUNK);
        self.chunks.get(chunk)?.get(slot)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut Book> {
        let (chunk, slot) = (place as usize / Self::CHUNK, place as usize % Self::CHUNK);
        self.chunks.get_mut(chunk)?.get_mut(slot)?.as_mut()
    }

    /// Puts a book into a free slot; gives its place. The limit of open books is far below 2^32.
    pub(crate) fn insert(&mut self, book: Book) -> u32 {
        if let Some(place) = self.free.pop() {
            let (chunk, slot) = (place as usize / Self::CHUNK, place as usize % Self::CHUNK);
            if let Some(free) = self
                .chunks
                .get_mut(chunk)
                .and_then(|chunk| chunk.get_mut(slot))
            {
                *free = Some(book);
            }
            return place;
        }
        if self
            .chunks
            .last()
            .is_none_or(|chunk| chunk.len() == Self::CHUNK)
        {
            self.chunks.push(Vec::with_capacity(Self::CHUNK));
        }
        let before = (self.chunks.len() - 1) * Self::CHUNK;
        let Some(chunk) = self.chunks.last_mut() else {
            return u32::MAX;
        };
        chunk.push(Some(book));
        u32::try_from(before + chunk.len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn remove(&mut self, place: u32) -> Option<Book> {
        let (chunk, slot) = (place as usize / Self::CHUNK, place as usize % Self::CHUNK);
        let book = self.chunks.get_mut(chunk)?.get_mut(slot)?.take();
        if book.is_some() {
            self.free.push(place);
        }
        book
    }
}
