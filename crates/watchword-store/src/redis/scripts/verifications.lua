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

-- What is known of one from its beginning: packed by the caller, kept and answered as it came.
local function of_facts(facts)
    local f = cmsgpack.unpack(facts)
    return {
        facts = facts, vid = f[1], namespace = f[2], external_id = f[3], route = f[4], key = f[5], digest = f[6],
        lookup = f[7], sealed = f[8], channel_description = f[9], address_description = f[10], extra = f[11],
        max_attempts = f[12], max_sends = f[13], on_right = f[14], created_at = f[15], expires_at = f[16],
        kept_after = f[17],
    }
end

-- All of one, as it is kept and answered: what a check, a send or a cancellation changes, and its facts.
local function verification_reply(one)
    return cmsgpack.pack({
        one.facts, one.number, one.state, one.attempts, one.sends, one.last_sent_at, one.channel, one.address,
        one.guess_subject, one.open,
    })
end

local function write(one)
    redis.call('SET', verification_key(one.vid), verification_reply(one), 'KEEPTTL')
end

local function load(vid)
    local packed = redis.call('GET', verification_key(vid))
    if not packed then return nil end
    local v = cmsgpack.unpack(packed)
    local one = of_facts(v[1])
    one.number, one.state, one.attempts, one.sends, one.last_sent_at = v[2], v[3], v[4], v[5], v[6]
    one.channel, one.address, one.guess_subject, one.open = v[7], v[8], v[9], v[10]
    return one
end

local function remove(one)
    local key = verification_key(one.vid)
    redis.call('ZREM', live_key(), one.vid)
    if one.lookup then redis.call('ZREM', lookup_key(one.namespace, one.lookup), one.vid) end
    local id = one.external_id and id_key(one.namespace, one.external_id)
    -- Another may have the name by now.
    if id and redis.call('GET', id) == one.vid then
        redis.call('DEL', key, id)
        return
    end
    redis.call('DEL', key)
    if one.channel and not id then
        redis.call('ZREM', target_key(one.namespace, one.channel, one.address), one.vid)
    end
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
