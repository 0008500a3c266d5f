-- Begins a verification: transition::start.

local REPLACE, REUSE, ADD, REFUSE = 0, 1, 2, 3

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
    redis.call('SET', verification_key(one.vid), verification_reply(one), 'PX', ttl_until(till))
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

local namespace, external_id, channel, address = take(), take(), take(), take()
local guess_subject, on_live, unique_in, max_attempts, max_sends = take(), take(), take(), take(), take()
local throttle = take_throttle()
local dedupe = take()
local dedupe_until = dedupe and take()
local claimant = take_claimant()
local candidates = take_list(function()
    return { facts = take(), taken_if = take_list(take), messages = take_list(take_delivery) }
end)

local handled_key = dedupe and base .. 'h:' .. joined(namespace, dedupe)
if dedupe then
    local handled_until = redis.call('GET', handled_key)
    if handled_until and now < tonumber(handled_until) then return { 'duplicate' } end
end

local live
if external_id then
    live = newest_live(namespace, { kind = 'i', id = external_id })
elseif channel then
    live = newest_live(namespace, { kind = 't', channel = channel, address = address })
end
-- With `Replace` a start counts as an attempt, the first one included.
local attempts, sends = on_live == REPLACE and 1 or 0, 1
if live then
    if on_live == REUSE then return { 'reused', verification_reply(live) } end
    if on_live == REFUSE or on_live == ADD and external_id then return { 'exists', verification_reply(live) } end
    if on_live == REPLACE then
        attempts, sends = math.min(live.attempts + 1, MOST), math.min(live.sends + 1, MOST)
        if is_locked(live) or exceeds(attempts, max_attempts) or exceeds(sends, max_sends) then
            return { 'locked', verification_reply(live) }
        end
    end
end

local refused, count_send = take_room(namespace, throttle)
if refused then return refused end

local chosen
for number, candidate in ipairs(candidates) do
    if not (unique_in and newest_holder(namespace, unique_in, candidate.taken_if)) then
        chosen = number
        break
    end
end
if not chosen then return { 'no_free_candidate' } end

if live and on_live == REPLACE then
    remove(live)
    cancel_deliveries(live)
end
local candidate = candidates[chosen]
local one = of_facts(candidate.facts)
one.state, one.attempts, one.sends, one.last_sent_at = PENDING, attempts, sends, false
one.channel, one.address, one.guess_subject, one.open = channel, address, guess_subject, {}
enter(one, candidate.messages, claimant)
insert(one)
count_send()
if dedupe then
    redis.call('SET', handled_key, string.format('%.0f', dedupe_until), 'PX', ttl_until(dedupe_until))
end
-- The caller knows all the rest.
return { 'started', attempts, sends, chosen - 1 }
