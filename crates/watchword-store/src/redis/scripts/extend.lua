-- Makes a lease longer: transition::extend.

local namespace, id, fence, lease_until = take(), take(), take(), take()

local delivery = delivery_of(namespace, id)
if not delivery or delivery.state ~= CLAIMED or delivery.fence ~= fence then return 0 end
delivery.due_at = lease_until
write_open(delivery)
return 1
