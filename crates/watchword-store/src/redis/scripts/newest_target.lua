-- Finds a target by its passcode: transition::look_up. A refused look-up looks like a miss.

local namespace, channel, subject = take(), take(), take()
local rule = { burst = 0, max_wait = 0, budget = take(), budget_wait = take() }
local digests = take_list(take)

local count = load_count(namespace, subject)
if count and now < count.refused_until then return false end
local holder = newest_holder(namespace, channel, digests)
if not holder then
    count_wrong(namespace, subject, count, rule)
    return false
end
if count then forget_count(count_key(namespace, subject)) end
return { holder.channel, holder.address }
