//! The two ways into Redis: PUBLISH, and XADD to the stream.

use super::PREFIX;

/// The stream of the gateways, under their prefix.
pub(crate) const STREAM: &str = "fanfare:@stream";

/// By which command a publication goes into Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// PUBLISH, for redis-pubsub and all others that subscribe.
    Publish,
    /// XADD, for redis-stream.
    Add,
}

impl Way {
    /// Appends one command.
    pub(super) fn append(self, block: &mut Vec<u8>, channel: &str, data: &[u8]) {
        match self {
            Way::Publish => {
                let channel = format!("{PREFIX}{channel}");
                append_command(block, &[b"PUBLISH", channel.as_bytes(), data]);
            }
            Way::Add => {
                let stream = STREAM.as_bytes();
                append_command(
                    block,
                    &[b"XADD", stream, b"*", b"channel", channel.as_bytes(), b"data", data],
                );
            }
        }
    }

    /// Lines of the answer: a number, or an id as a string behind its length.
    pub(super) fn answer_lines(self) -> u64 {
        match self {
            Way::Publish => 1,
            Way::Add => 2,
        }
    }
}

fn append_command(block: &mut Vec<u8>, words: &[&[u8]]) {
    block.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        block.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        block.extend_from_slice(word);
        block.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_written_as_redis_reads_them() {
        let mut block = Vec::new();
        Way::Publish.append(&mut block, "c1", b"x");
        assert_eq!(block, b"*3\r\n$7\r\nPUBLISH\r\n$10\r\nfanfare:c1\r\n$1\r\nx\r\n");
        block.clear();
        Way::Add.append(&mut block, "c1", b"x");
        let command = b"*7\r\n$4\r\nXADD\r\n$15\r\nfanfare:@stream\r\n$1\r\n*\r\n";
        let fields = b"$7\r\nchannel\r\n$2\r\nc1\r\n$4\r\ndata\r\n$1\r\nx\r\n";
        assert_eq!(block, [&command[..], fields].concat());
    }
}
