//! Which shard an order belongs to.

/// The seed of RabbitMQ's stream clients for hash routing.
const SEED: u32 = 104_729;

/// The shard of an order id, in `0..shards`: MurmurHash3 x86 32 bit of its UTF-8 bytes with
/// RabbitMQ's seed, unsigned, modulo the number of shards. The same as the default hash routing
/// of RabbitMQ's stream clients for Java, Go and Rust. `shards` of 0 counts as 1.
#[must_use]
pub fn shard_of(order_id: &str, shards: u32) -> u32 {
    if shards <= 1 {
        return 0;
    }
    murmur3_x86_32(order_id.as_bytes(), SEED) % shards
}

/// Austin Appleby's MurmurHash3, x86, 32 bit (public domain reference: smhasher).
fn murmur3_x86_32(bytes: &[u8], seed: u32) -> u32 {
    let (blocks, tail) = bytes.as_chunks::<4>();
    let mut hash = seed;
    for block in blocks {
        hash ^= scramble(u32::from_le_bytes(*block));
        hash = hash
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    if !tail.is_empty() {
        let mut block = [0; 4];
        for (to, from) in block.iter_mut().zip(tail) {
            *to = *from;
        }
        hash ^= scramble(u32::from_le_bytes(block));
    }
    // The reference takes the length as 32 bits; order ids are far shorter.
    #[allow(clippy::cast_possible_truncation)]
    let length = bytes.len() as u32;
    hash ^= length;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

fn scramble(block: u32) -> u32 {
    block
        .wrapping_mul(0xcc9e_2d51)
        .rotate_left(15)
        .wrapping_mul(0x1b87_3593)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_agrees_with_the_published_vectors() {
        for (text, seed, hash) in [
            ("", 0, 0),
            ("", 1, 0x514e_28b7),
            ("", 0xffff_ffff, 0x81f1_6f39),
            ("aaaa", 0x9747_b28c, 0x5a97_808a),
            ("aaa", 0x9747_b28c, 0x283e_0130),
            ("aa", 0x9747_b28c, 0x5d21_1726),
            ("a", 0x9747_b28c, 0x7fa0_9ea6),
            ("Hello, world!", 0x9747_b28c, 0x2488_4cba),
            ("ππππππππ", 0x9747_b28c, 0xd58063c1),
            (
                "The quick brown fox jumps over the lazy dog",
                0x9747_b28c,
                0x2fa8_26cd,
            ),
        ] {
            assert_eq!(murmur3_x86_32(text.as_bytes(), seed), hash, "{text:?}");
        }
    }

    #[test]
    fn every_shard_gets_its_part() {
        let mut counts = [0_u32; 4];
        for order in 0..4000 {
            counts[shard_of(&order.to_string(), 4) as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (900..1100).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn no_shards_count_as_one() {
        assert_eq!(shard_of("1", 0), 0);
        assert_eq!(shard_of("1", 1), 0);
    }
}
