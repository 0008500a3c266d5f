-- Adds messages to a verification: transition::enqueue.

local namespace, vid = take(), take()
local claimant, messages = take_claimant(), take_list(take_delivery)

local one = newest_live(namespace, { kind = 'v', vid = vid })
if not one or one.state ~= PENDING then return { 'gone' } end
if is_locked(one) then return { 'locked', verification_reply(one) } end

local claims = enter(one, messages, claimant)
write(one)
return { 'sent', verification_reply(one), claims }
