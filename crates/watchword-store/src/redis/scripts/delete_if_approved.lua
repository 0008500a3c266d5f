-- Deletes an approved one: transition::delete_if_approved.

local namespace, selector = take(), take_selector()

local one = newest_live(namespace, selector)
if not one then return { 'gone' } end
if one.state ~= APPROVED then return { 'not_approved', verification_reply(one) } end
cancel_deliveries(one)
remove(one)
return { 'deleted', verification_reply(one) }
