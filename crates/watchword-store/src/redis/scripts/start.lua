-- Begins a verification: transition::start.

local REPLACE, REUSE, ADD, REFUSE = 0, 1, 2, 3

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
