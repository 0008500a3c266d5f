-- Verifications: their records and indexes. Scripts about them have this after the prelude.

local function verification_key(vid) return base .. 'v:' .. vid end
local function id_key(namespace, id) return base .. 'i:' .. joined(namespace, id) end
local function target_key(namespace, channel, address) return base .. 't:' .. joined(namespace, channel, address) end
local function lookup_key(namespace, digest) return base .. 'l:' .. joined(namespace, digest) end
local function live_key() return base .. 'live' end

local function garbage_at(one) return after(one.expires_at, one.kept_after) end

local function is_live(one) return now < one.expires_at and one.state ~= CANCELED end

local function exceeds(count, limit) return limit and count > limit end

local function is_locked(one)
    return exceeds(one.attempts, one.max_attempts) or exceeds(one.sends, one.max_sends) or false
end

-- What a check, a send or a cancellation changes is packed on its own: the rest is written once.
local function packed_changes_of(one)
    return cmsgpack.pack({
        one.state, one.attempts, one.sends, one.last_sent_at, one.channel, one.address, one.guess_subject, one.open,
    })
end

local function write(one)
    redis.call('HSET', verification_key(one.vid), 'c', packed_changes_of(one))
end

local function load(vid)
    local found = redis.call('HMGET', verification_key(vid), 's', 'c')
    if not found[1] or not found[2] then return nil end
    local s, c = cmsgpack.unpack(found[1]), cmsgpack.unpack(found[2])
    return {
        vid = vid,
        number = s[1], namespace = s[2], external_id = s[3], route = s[4], key = s[5], digest = s[6], lookup = s[7],
        sealed = s[8], channel_description = s[9], address_description = s[10], extra = s[11], max_attempts = s[12],
        max_sends = s[13], on_right = s[14], created_at = s[15], expires_at = s[16], kept_after = s[17],
        state = c[1], attempts = c[2], sends = c[3], last_sent_at = c[4], channel = c[5], address = c[6],
        guess_subject = c[7], open = c[8],
    }
end

local function verification_reply(one)
    return {
        one.vid, one.namespace, one.external_id, one.route, one.key, one.digest, one.lookup, one.sealed,
        one.channel_description, one.address_description, one.extra, one.max_attempts, one.max_sends, one.on_right,
        one.created_at, one.expires_at, one.kept_after, one.state, one.attempts, one.sends, one.last_sent_at,
        one.channel, one.address, one.guess_subject,
    }
end

-- Drops the oldest from an index where they are not live any more: two for each that is added, so it never grows without end.
local function prune(key)
    for _, vid in ipairs(redis.call('ZRANGE', key, 0, 1)) do
        local one = load(vid)
        if not one or not is_live(one) then redis.call('ZREM', key, vid) end
    end
end

local function index(key, one)
    prune(key)
    redis.call('ZADD', key, one.number, one.vid)
    keep_at_least_until(key, garbage_at(one))
end

-- Adds a new one; it is the newest from then on.
local function insert(one)
    local counter = base .. 'n'
    local till = garbage_at(one)
    one.number = redis.call('INCR', counter)
    local key = verification_key(one.vid)
    redis.call('HSET', key, 's', cmsgpack.pack({
        one.number, one.namespace, one.external_id, one.route, one.key, one.digest, one.lookup, one.sealed,
        one.channel_description, one.address_description, one.extra, one.max_attempts, one.max_sends, one.on_right,
        one.created_at, one.expires_at, one.kept_after,
    }), 'c', packed_changes_of(one))
    keep_until(key, till)
    redis.call('ZADD', live_key(), till, one.vid)
    keep_at_least_until(live_key(), till)
    -- The numbers of two that are kept at once must differ, so the counter outlives them all.
    keep_at_least_until(counter, till)
    if one.external_id then
        redis.call('SET', id_key(one.namespace, one.external_id), one.vid, 'PX', ttl_until(till))
    elseif one.channel then
        index(target_key(one.namespace, one.channel, one.address), one)
    end
    if one.lookup then index(lookup_key(one.namespace, one.lookup), one) end
end

local function remove(one)
    redis.call('DEL', verification_key(one.vid))
    redis.call('ZREM', live_key(), one.vid)
    if one.external_id then
        local key = id_key(one.namespace, one.external_id)
        if redis.call('GET', key) == one.vid then redis.call('DEL', key) end
    elseif one.channel then
        redis.call('ZREM', target_key(one.namespace, one.channel, one.address), one.vid)
    end
    if one.lookup then redis.call('ZREM', lookup_key(one.namespace, one.lookup), one.vid) end
end

local function newest_first(list)
    table.sort(list, function(one, other) return one.number > other.number end)
    return list
end

local function take_selector()
    local kind = take()
    if kind == 'i' then return { kind = kind, id = take() } end
    if kind == 't' then return { kind = kind, channel = take(), address = take() } end
    return { kind = kind, vid = take() }
end

-- All that a selector names, the newest first: live or not by vid, else those that may be.
local function selected(namespace, selector)
    local vids
    if selector.kind == 'i' then
        vids = { redis.call('GET', id_key(namespace, selector.id)) or nil }
    elseif selector.kind == 't' then
        vids = redis.call('ZREVRANGE', target_key(namespace, selector.channel, selector.address), 0, -1)
    else
        vids = { selector.vid }
    end
    local found = {}
    for _, vid in ipairs(vids) do
        local one = load(vid)
        if one and one.namespace == namespace then found[#found + 1] = one end
    end
    return found
end

local function newest_live(namespace, selector)
    for _, one in ipairs(selected(namespace, selector)) do
        if is_live(one) then return one end
    end
    return nil
end

-- The newest live one of a channel with one of these look-up digests.
local function newest_holder(namespace, channel, digests)
    local newest
    for _, digest in ipairs(digests) do
        for _, vid in ipairs(redis.call('ZREVRANGE', lookup_key(namespace, digest), 0, -1)) do
            local one = load(vid)
            if one and is_live(one) and one.channel == channel and (not newest or one.number > newest.number) then
                newest = one
            end
        end
    end
    return newest
end
