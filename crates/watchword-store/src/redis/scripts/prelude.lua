-- What all operations share: reading arguments, records, indexes, counts, the outbox.
--
-- KEYS[1] is not a key but what all keys of a partition begin with; it carries the hash tag that brings the script to its
-- node. Times are milliseconds. `false` stands for what is absent: it survives packing and becomes nil in the reply.

local PENDING, APPROVED, CANCELED = 0, 1, 2
local KEEP, CLOSE, DELETE = 0, 1, 2
local DUE, CLAIMED, ACCEPTED, FAILED, EXPIRED, DELIVERY_CANCELED = 0, 1, 2, 3, 4, 5
local IP, TARGET = 0, 1

-- Keys outlive what is in them by this much: their TTL only collects garbage, what has ended is told by comparing times.
local MARGIN = 60 * 1000
local DAY = 24 * 60 * 60 * 1000
local FAR_FUTURE = 2 ^ 53 - 1
local MOST = 2 ^ 32 - 1
local KEPT_ATTEMPTS = 20
local KEPT_SENDS = 100

local base = KEYS[1]
local argument = 0

local function take()
    argument = argument + 1
    return ARGV[argument]
end

local function take_number()
    return tonumber(take())
end

-- An optional value comes as `+value`, or as `-`.
local function take_optional()
    local value = take()
    return string.byte(value) == 43 and string.sub(value, 2)
end

local function take_optional_number()
    local value = take_optional()
    return value and tonumber(value)
end

-- A list comes as its length and its elements.
local function take_list(take_one)
    local list = {}
    for index = 1, take_number() do list[index] = take_one() end
    return list
end

local now = take_number()
-- How long records of ended deliveries are kept; 0: there are none.
local records_kept = take_number()

local function after(time, wait)
    return math.min(time + wait, FAR_FUTURE)
end

-- Parts that may hold anything are told apart by their lengths.
local function joined(...)
    local key = ''
    for _, part in ipairs({ ... }) do key = key .. #part .. ':' .. part end
    return key
end

-- Makes a key live until `time` and the margin.
local function keep_until(key, time)
    redis.call('PEXPIRE', key, math.max(time - now, 0) + MARGIN)
end

-- As keep_until, and never shorter than it was.
local function keep_at_least_until(key, time)
    local ttl = math.max(time - now, 0) + MARGIN
    if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
end

-- Verifications -----------------------------------------------------------------------------------------------------------

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
local function write(one)
    redis.call('HSET', verification_key(one.vid), 'c', cmsgpack.pack({
        one.state, one.attempts, one.sends, one.last_sent_at, one.channel, one.address, one.guess_subject, one.open,
    }))
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
    }))
    write(one)
    keep_until(key, till)
    redis.call('ZADD', live_key(), till, one.vid)
    keep_at_least_until(live_key(), till)
    -- The numbers of two that are kept at once must differ, so the counter outlives them all.
    keep_at_least_until(counter, till)
    if one.external_id then
        redis.call('SET', id_key(one.namespace, one.external_id), one.vid)
        keep_until(id_key(one.namespace, one.external_id), till)
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

-- The outbox --------------------------------------------------------------------------------------------------------------

local function delivery_key(id) return base .. 'd:' .. id end
local function due_key() return base .. 'due' end
local function records_key() return base .. 'records' end
local function message_key(provider, message_id) return base .. 'm:' .. joined(provider, message_id) end

local function is_open(delivery) return delivery.state == DUE or delivery.state == CLAIMED end

local function write_delivery(delivery)
    redis.call('HSET', delivery_key(delivery.id), 'c', cmsgpack.pack({
        delivery.state, delivery.due_at, delivery.fence, delivery.claimed_by, delivery.attempts,
    }))
end

local function load_delivery(id)
    local found = redis.call('HMGET', delivery_key(id), 's', 'c', 'm')
    if not found[1] or not found[2] then return nil end
    local s, c = cmsgpack.unpack(found[1]), cmsgpack.unpack(found[2])
    return {
        id = id, message = found[3],
        vid = s[1], namespace = s[2], route = s[3], masked_to = s[4], created_at = s[5], expires_at = s[6],
        state = c[1], due_at = c[2], fence = c[3], claimed_by = c[4], attempts = c[5],
    }
end

local function delivery_of(namespace, id)
    local delivery = load_delivery(id)
    return delivery and delivery.namespace == namespace and delivery or nil
end

local function delivery_reply(delivery)
    return {
        delivery.id, delivery.vid, delivery.namespace, delivery.route, delivery.masked_to, delivery.created_at,
        delivery.expires_at, delivery.message, delivery.state, delivery.due_at, delivery.fence, delivery.claimed_by,
        delivery.attempts,
    }
end

-- Stores one that is to be sent, as it is now.
local function write_open(delivery)
    write_delivery(delivery)
    redis.call('ZADD', due_key(), delivery.due_at, delivery.id)
    -- A holder may say after the expiry what became of it.
    local till = math.max(delivery.expires_at, delivery.due_at)
    keep_at_least_until(delivery_key(delivery.id), till)
    keep_at_least_until(due_key(), till)
end

-- It ended: the message is erased, and its record kept where records are.
local function end_delivery(delivery, state)
    delivery.state, delivery.due_at, delivery.message = state, now, false
    redis.call('ZREM', due_key(), delivery.id)
    local key = delivery_key(delivery.id)
    if records_kept == 0 then
        redis.call('DEL', key)
        return
    end
    local till = after(now, records_kept)
    redis.call('HDEL', key, 'm')
    write_delivery(delivery)
    keep_until(key, till)
    redis.call('ZADD', records_key(), now, delivery.id)
    keep_at_least_until(records_key(), till)
end

local function is_due(id) return redis.call('ZSCORE', due_key(), id) end

-- Cancels what is unsent of a verification.
local function cancel_deliveries(one)
    for _, id in ipairs(one.open) do
        local delivery = is_due(id) and load_delivery(id)
        if delivery then end_delivery(delivery, DELIVERY_CANCELED) end
    end
    one.open = {}
end

local function take_delivery()
    return { id = take(), route = take(), message = take(), masked_to = take(), not_before = take_optional_number() }
end

local function take_claimant()
    local node = take_optional()
    return node and { node = node, lease_until = take_number() }
end

-- Puts messages into the outbox, claimed at once where they are due and there is a claimant. Gives back what it claimed.
-- Changes `one`, which is to be written after.
local function enter(one, messages, claimant)
    local open, claims = {}, {}
    -- Only what is to be sent still is remembered, or one that is sent again and again would grow without end.
    for _, id in ipairs(one.open) do
        if is_due(id) then open[#open + 1] = id end
    end
    for _, message in ipairs(messages) do
        local waits = message.not_before and message.not_before > now
        local claimed = claimant and not waits
        local delivery = {
            id = message.id, vid = one.vid, namespace = one.namespace, route = message.route,
            message = message.message, masked_to = message.masked_to, created_at = now, expires_at = one.expires_at,
            state = claimed and CLAIMED or DUE,
            due_at = claimed and claimant.lease_until or waits and message.not_before or now,
            fence = claimed and 1 or 0,
            claimed_by = claimed and claimant.node,
            attempts = {},
        }
        redis.call('HSET', delivery_key(delivery.id), 'm', delivery.message, 's', cmsgpack.pack({
            delivery.vid, delivery.namespace, delivery.route, delivery.masked_to, delivery.created_at, delivery.expires_at,
        }))
        write_open(delivery)
        open[#open + 1] = delivery.id
        if claimed then claims[#claims + 1] = delivery_reply(delivery) end
    end
    if #messages > 0 then one.last_sent_at = now end
    one.open = open
    return claims
end

-- Counts ------------------------------------------------------------------------------------------------------------------

local function count_key(namespace, subject) return base .. 'g:' .. joined(namespace, subject) end
-- When each count of the partition is over, so that a purge finds them.
local function counts_key() return base .. 'guesses' end

local function load_count(namespace, subject)
    local packed = redis.call('GET', count_key(namespace, subject))
    if not packed then return nil end
    local wrong, refused_until, last_wrong_at = unpack(cmsgpack.unpack(packed))
    return { wrong = wrong, refused_until = refused_until, last_wrong_at = last_wrong_at }
end

local function count_garbage_at(count)
    return after(math.max(count.last_wrong_at, count.refused_until), DAY)
end

local function wait_after(rule, wrong)
    if rule.budget > 0 and wrong >= rule.budget then return rule.budget_wait end
    if rule.burst == 0 or wrong < rule.burst then return 0 end
    return math.min(60 * 1000 * 2 ^ math.min(wrong - rule.burst, 20), rule.max_wait)
end

-- Writes the count after one more wrong one.
local function count_wrong(namespace, subject, before, rule)
    local wrong = before and now < count_garbage_at(before) and before.wrong or 0
    wrong = math.min(wrong + 1, MOST)
    local wait = wait_after(rule, wrong)
    local count = { wrong = wrong, refused_until = wait > 0 and after(now, wait) or 0, last_wrong_at = now }
    local key = count_key(namespace, subject)
    redis.call('SET', key, cmsgpack.pack({ count.wrong, count.refused_until, count.last_wrong_at }))
    keep_until(key, count_garbage_at(count))
    redis.call('ZADD', counts_key(), count_garbage_at(count), key)
    keep_at_least_until(counts_key(), count_garbage_at(count))
end

-- Gives back how many there were.
local function forget_count(key)
    redis.call('ZREM', counts_key(), key)
    return redis.call('DEL', key)
end

-- Throttling --------------------------------------------------------------------------------------------------------------

local function rules_key(namespace, channel) return base .. 'rules:' .. joined(namespace, channel) end
local function sends_key(namespace, subject) return base .. 's:' .. joined(namespace, subject) end

local function take_throttle()
    local channel = take_optional()
    if not channel then return false end
    return {
        channel = channel,
        subjects = take_list(function() return { kind = take_number(), key = take() } end),
    }
end

local function load_rules(namespace, channel)
    local found = redis.call('HMGET', rules_key(namespace, channel), 'ip', 'target')
    local function decode(rules) return rules and cjson.decode(rules) or {} end
    return { [IP] = decode(found[1]), [TARGET] = decode(found[2]) }
end

-- When a rule has room for one more; nil: now.
local function throttled_until(times, rule)
    if rule.rate == 0 then return after(now, rule.window_millis) end
    local blocking = times[#times - rule.rate + 1]
    local frees_at = blocking and after(blocking, rule.window_millis)
    return frees_at and now < frees_at and frees_at or nil
end

-- Looks for room under every rule. Gives back the outcome of a refusal, or nil and what counts the message.
local function take_room(namespace, throttle)
    if not throttle then return nil, function() end end
    local rules = load_rules(namespace, throttle.channel)
    for kind = IP, TARGET do
        local named = false
        for _, subject in ipairs(throttle.subjects) do named = named or subject.kind == kind end
        if not named and #rules[kind] > 0 then return { 'subject_missing', kind } end
    end
    for _, subject in ipairs(throttle.subjects) do
        local packed = redis.call('GET', sends_key(namespace, subject.key))
        subject.times = packed and cmsgpack.unpack(packed) or {}
    end
    for kind = IP, TARGET do
        local last
        for _, subject in ipairs(throttle.subjects) do
            for _, rule in ipairs(subject.kind == kind and rules[kind] or {}) do
                local at = throttled_until(subject.times, rule)
                if at and (not last or at >= last.at) then last = { at = at, rule = rule } end
            end
        end
        if last then return { 'throttled', kind, last.rule.rate, last.rule.window_millis, last.at } end
    end
    return nil, function()
        for _, subject in ipairs(throttle.subjects) do
            local kept, most = DAY, KEPT_SENDS
            for _, rule in ipairs(rules[subject.kind]) do
                kept, most = math.max(kept, rule.window_millis), math.max(most, rule.rate)
            end
            local times = { now }
            for _, time in ipairs(subject.times) do
                if time > now - kept then times[#times + 1] = time end
            end
            -- Clocks of several nodes may differ by a little; the order must hold all the same.
            table.sort(times)
            for _ = 1, #times - most do table.remove(times, 1) end
            local key = sends_key(namespace, subject.key)
            redis.call('SET', key, cmsgpack.pack(times))
            keep_until(key, after(times[#times], kept))
        end
    end
end
