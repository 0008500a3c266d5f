-- Checks a guess: transition::check. Refused, counted, compared, consumed, in this order. What is compared are keyed digests.

local namespace = take()
local rule = { burst = take(), max_wait = take(), budget = take(), budget_wait = take() }
local on_right, approved_again = take(), take() == 1
local guesses = take_list(function()
    local guess = { selector = take_selector(), digests = {} }
    for _ = 1, take() do
        local key = take()
        guess.digests[key] = guess.digests[key] or take()
    end
    return guess
end)
local announcements = take_announcements('checked', 'closed')

local live, seen = {}, {}
for _, guess in ipairs(guesses) do
    for _, one in ipairs(selected(namespace, guess.selector)) do
        -- Of two guesses that select the same one, the first counts.
        if not seen[one.vid] then
            seen[one.vid] = true
            one.guessed = guess.digests[one.key]
            if is_live(one) then live[#live + 1] = one end
        end
    end
end
table.sort(live, function(one, other) return one.number > other.number end)
if #live == 0 then return { 'gone' } end
local subject = live[1].guess_subject
local count = load_count(namespace, subject)
if count and now < count.refused_until then
    return { 'refused', verification_reply(live[1]), count.refused_until }
end

local function matches(one) return one.guessed == one.digest end

if not approved_again then
    local used, pending, pending_matches = nil, {}, false
    for _, one in ipairs(live) do
        if one.state == APPROVED then
            if not used and matches(one) then used = one end
        else
            pending[#pending + 1] = one
            pending_matches = pending_matches or matches(one)
        end
    end
    -- A passcode that was used may be that of a later one too.
    if used and not pending_matches then return { 'used', verification_reply(used) } end
    live = pending
end
if #live == 0 then return { 'gone' } end

local unknown, comparable = nil, {}
for _, one in ipairs(live) do
    if one.guessed then
        comparable[#comparable + 1] = one
    else
        -- A row under an unknown key can be neither right nor wrong, so it counts nothing.
        unknown = unknown or one.key
    end
end
if #comparable == 0 then return { 'unknown_key', unknown } end

-- Count, and only then compare. Where there is no limit there is nothing to count, and nothing to write.
local right, all_locked = nil, true
for place, one in ipairs(comparable) do
    one.was_locked, one.changed = is_locked(one), false
    if one.max_attempts then
        local more = math.min(one.attempts + 1, MOST)
        one.changed = more ~= one.attempts
        one.attempts = more
    end
    all_locked = all_locked and is_locked(one)
    if not right and not is_locked(one) and matches(one) then right = place end
end

local shown = comparable[right or 1]
for place, one in ipairs(comparable) do
    local does = on_right or one.on_right
    local closes = place == right and does ~= KEEP
    say(announcements, 'checked', one)
    if closes then
        one.changed = one.changed or one.state ~= APPROVED
        one.state = APPROVED
        say(announcements, 'closed', one)
    end
    if closes or is_locked(one) and not one.was_locked then cancel_deliveries(one) end
    if closes and does == DELETE then
        remove(one)
    elseif one.changed then
        write(one)
    end
end

if right then
    if count then forget_count(count_key(namespace, subject)) end
    return { 'approved', verification_reply(shown), announce(announcements) }
end
if not all_locked then count_wrong(namespace, subject, count, rule) end
local unheard = announce(announcements)
if unknown then return { 'unknown_key', unknown, unheard } end
return { all_locked and 'locked' or 'wrong', verification_reply(shown), unheard }
