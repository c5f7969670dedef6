//! The scripts that the line in Redis consists of. Redis runs each of them as a whole, and nothing else in between.
//!
//! They compare what is kept but do not believe it: whether a server of ours wrote it is checked by `line`.

use std::sync::LazyLock;

use redis::Script;

/// Joins the line, unless a request with the same key has, and notes the request with its buyer. An entry that joins
/// again, after Redis forgot it, joins in any case.
pub static JOIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if ARGV[3] ~= '' then
             local known = redis.pcall('GET', KEYS[3])
             if type(known) == 'table' then redis.call('DEL', KEYS[3]) known = false end
             if known and ARGV[5] == '0' then return known end
             redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
         end
         redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])
         redis.call('XADD', KEYS[1], '*', 'payload', ARGV[2])
         if type(redis.pcall('SADD', KEYS[4], ARGV[6])) == 'table' then
             redis.call('DEL', KEYS[4])
             redis.call('SADD', KEYS[4], ARGV[6])
         end
         redis.call('PEXPIRE', KEYS[4], ARGV[4])
         return ''",
    )
});

/// Reads what is kept for a key or a request. Empty where nothing is.
pub static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local said = redis.pcall('GET', KEYS[1])
         if type(said) == 'table' then redis.call('DEL', KEYS[1]) return '' end
         return said or ''",
    )
});

/// The requests that are noted with a buyer.
pub static NOTED: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local said = redis.pcall('SMEMBERS', KEYS[1])
         if said.err then redis.call('DEL', KEYS[1]) return {} end
         return said",
    )
});

/// Removes what somebody else wrote at a key, unless it was replaced meanwhile.
pub static REMOVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0")
});

/// Takes an entry that somebody else wrote out of the line.
pub static DISCARD: LazyLock<Script> = LazyLock::new(|| {
    Script::new("redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) return redis.call('XDEL', KEYS[1], ARGV[2])")
});

/// Reads the status of these requests. Empty for each request that is not known.
pub static READ_ALL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local said = redis.call('MGET', unpack(KEYS))
         for place = 1, #KEYS do said[place] = said[place] or '' end
         return said",
    )
});

/// The beginning of the two scripts that hand out entries. Its function adds one entry to the result: stream, id,
/// payload, deliveries.
const HAND_OUT: &str = "
    local got = {}
    local function hand_out(place, entry, deliveries)
        local payload = ''
        for at = 1, #entry[2], 2 do
            if entry[2][at] == 'payload' then payload = entry[2][at + 1] end
        end
        for _, value in ipairs({ tostring(place), entry[1], payload, tostring(deliveries) }) do
            table.insert(got, value)
        end
    end ";

/// Hands out entries that nobody has had yet. Makes the consumer group where it is missing, as after a flush, and clears
/// away what is no stream.
pub static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{HAND_OUT}
         for place, stream in ipairs(KEYS) do
             local wanted = tonumber(ARGV[3]) - #got / 4
             if wanted > 0 then
                 local function read()
                     return redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', wanted, 'STREAMS', stream, '>')
                 end
                 local said = read()
                 if said and said.err then
                     if string.find(said.err, 'WRONGTYPE', 1, true) then redis.call('DEL', stream) end
                     redis.call('XGROUP', 'CREATE', stream, ARGV[1], '0', 'MKSTREAM')
                     said = read()
                 end
                 if said then
                     for _, entry in ipairs(said[1][2]) do hand_out(place, entry, 1) end
                 end
             end
         end
         return got"
    ))
});

/// Hands out entries whose worker has been silent for at least this long.
pub static TAKE_OVER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{HAND_OUT}
         for place, stream in ipairs(KEYS) do
             local wanted = tonumber(ARGV[3]) - #got / 4
             if wanted > 0 then
                 local left = redis.pcall('XPENDING', stream, ARGV[1], 'IDLE', ARGV[4], '-', '+', wanted)
                 for _, one in ipairs(left.err and {{}} or left) do
                     for _, entry in ipairs(redis.call('XCLAIM', stream, ARGV[1], ARGV[2], ARGV[4], one[1])) do
                         hand_out(place, entry, one[4] + 1)
                     end
                 end
             end
         end
         return got"
    ))
});

/// Tells Redis that this server still works on an entry, if the entry still belongs to this server.
pub static KEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
         if pending.err or not pending[1] or pending[1][2] ~= ARGV[2] then return 0 end
         redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID')
         return 1",
    )
});

/// Writes the outcome of a request, takes its entry out of the line, and no longer notes it with its buyer. The key of a
/// refused request may be used again.
pub static FINISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
         if ARGV[5] ~= '' and redis.call('GET', KEYS[3]) == ARGV[5] then redis.call('DEL', KEYS[3]) end
         redis.pcall('SREM', KEYS[4], ARGV[6])
         redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
         return redis.call('XDEL', KEYS[1], ARGV[2])",
    )
});

/// Puts an entry with the dead letters, and takes it out of the line. Where the entry can be read, writes the outcome
/// for its buyer.
pub static BURY: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', 'payload', ARGV[3], 'reason', ARGV[4])
         if ARGV[6] ~= '' then redis.call('SET', KEYS[3], ARGV[6], 'PX', ARGV[7]) end
         if ARGV[8] ~= '' and redis.call('GET', KEYS[4]) == ARGV[8] then redis.call('DEL', KEYS[4]) end
         redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
         redis.call('XDEL', KEYS[1], ARGV[2])
         return redis.call('XLEN', KEYS[2])",
    )
});
