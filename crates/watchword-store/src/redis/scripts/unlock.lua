-- Forgets the wrong guesses of some subjects. Gives back how many had any.

local namespace = take()
local forgotten = 0
for _, subject in ipairs(take_list(take)) do
    forgotten = forgotten + forget_count(count_key(namespace, subject))
end
return forgotten
