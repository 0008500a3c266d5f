-- Gives a verification its address: transition::set_address.

local namespace, external_id, expected = take(), take(), take()
local channel, address, guess_subject = take(), take(), take()
local throttle, claimant, messages = take_throttle(), take_claimant(), take_list(take_delivery)

local one = newest_live(namespace, { kind = 'i', id = external_id })
if not one then return { 'gone' } end
if one.vid ~= expected then return { 'changed' } end
if one.channel then return { 'address_set', verification_reply(one) } end
if is_locked(one) then return { 'locked', verification_reply(one) } end
local refused, count_send = take_room(namespace, throttle)
if refused then return refused end

one.channel, one.address, one.guess_subject = channel, address, guess_subject
local claims = enter(one, messages, claimant)
write(one)
count_send()
return { 'sent', verification_reply(one), claims }
