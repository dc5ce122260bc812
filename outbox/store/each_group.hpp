#pragma once
// Whose notes a table of consumed messages holds, as a part of SQL that every database of ours
// reads: walks from group to group by the primary key, which begins with the group, instead of
// reading the table. `walk.name` is a group, or null behind the last one. At most
// message_search::groups_max.
//
//   OUTBOX_EACH_GROUP_OF("outbox_consumed") "select name from walk where name is not null"

#define OUTBOX_EACH_GROUP_OF(table)                                                                \
    "with recursive walk (name, n) as (select min(group_name), 1 from " table                      \
    " union all select (select min(t.group_name) from " table                                      \
    " t where t.group_name > walk.name), walk.n + 1 from walk"                                     \
    " where walk.name is not null and walk.n < 500) "
