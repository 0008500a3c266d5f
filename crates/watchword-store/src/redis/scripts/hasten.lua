-- Makes a delivery that waits due at once: transition::hasten.

local namespace, id = take(), take()

local delivery = delivery_of(namespace, id)
if not delivery then return { 'gone' } end
if delivery.state == CLAIMED then return { 'claimed' } end
if delivery.state ~= DUE then return { 'ended', delivery.state } end
if now >= delivery.expires_at then
    end_delivery(delivery, EXPIRED)
    return { 'ended', EXPIRED }
end
delivery.due_at = math.min(delivery.due_at, now)
write_open(delivery)
return { 'hastened' }
