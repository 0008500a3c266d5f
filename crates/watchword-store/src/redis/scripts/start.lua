-- Begins a verification: transition::start.

local REPLACE, REUSE, ADD, REFUSE = 0, 1, 2, 3

local namespace, vid = take(), take()
local external_id, channel, address = take_optional(), take_optional(), take_optional()
local route, guess_subject, on_live, unique_in = take(), take(), take_number(), take_optional()
local max_attempts, max_sends = take_optional_number(), take_optional_number()
local expires_at, kept_after, on_right = take_number(), take_number(), take_number()
local channel_description, address_description, extra = take(), take(), take_optional()
local throttle = take_throttle()
local dedupe = take_optional()
local dedupe_until = dedupe and take_number()
local claimant = take_claimant()
local candidates = take_list(function()
    return {
        key = take(), digest = take(), lookup = take_optional(), sealed = take_optional(),
        taken_if = take_list(take), messages = take_list(take_delivery),
    }
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
local one = {
    vid = vid, namespace = namespace, external_id = external_id, route = route, key = candidate.key,
    digest = candidate.digest, lookup = candidate.lookup, sealed = candidate.sealed,
    channel_description = channel_description, address_description = address_description, extra = extra,
    max_attempts = max_attempts, max_sends = max_sends, on_right = on_right, created_at = now,
    expires_at = expires_at, kept_after = kept_after,
    state = PENDING, attempts = attempts, sends = sends, last_sent_at = false, channel = channel, address = address,
    guess_subject = guess_subject, open = {},
}
enter(one, candidate.messages, claimant)
insert(one)
count_send()
if dedupe then
    redis.call('SET', handled_key, string.format('%.0f', dedupe_until))
    keep_until(handled_key, dedupe_until)
end
-- The caller knows all the rest.
return { 'started', attempts, sends, chosen - 1 }
