-- Sends the same passcode once more: transition::resend.

local namespace, selector, expected, cool_down = take(), take_selector(), take(), take()
local throttle, claimant, messages = take_throttle(), take_claimant(), take_list(take_delivery)
local announcements = take_announcements('resent')

local one = newest_live(namespace, selector)
if not one then return { 'gone' } end
if one.vid ~= expected then return { 'changed' } end
local more = math.min(one.sends + 1, MOST)
if is_locked(one) or exceeds(more, one.max_sends) then return { 'locked', verification_reply(one) } end
local free_at = one.last_sent_at and after(one.last_sent_at, cool_down)
if free_at and now < free_at then return { 'too_soon', free_at } end
local refused, count_send = take_room(namespace, throttle)
if refused then return refused end

one.sends = more
local claims = enter(one, messages, claimant)
write(one)
count_send()
say(announcements, 'resent', one)
return { 'sent', verification_reply(one), claims, announce(announcements) }
