//! Tables that never have rows: Weir has no indexes, constraints, functions of its own,
//! comments and so on. Their columns matter where a client joins them by an outer join;
//! other queries on them are answered without a plan (`rewrite/empty.rs`).

/// Names and columns.
pub(crate) const EMPTY: [(&str, &str); 48] = [
    ("pg_aggregate", "aggfnoid# aggkind aggnumdirectargs#"),
    ("pg_am", "oid# amname amhandler# amtype"),
    ("pg_attrdef", "oid# adrelid# adnum# adbin"),
    (
        "pg_auth_members",
        "oid# roleid# member# grantor# admin_option? inherit_option? set_option?",
    ),
    (
        "pg_available_extensions",
        "name default_version installed_version comment",
    ),
    (
        "pg_cast",
        "oid# castsource# casttarget# castfunc# castcontext castmethod",
    ),
    (
        "pg_collation",
        "oid# collname collnamespace# collowner# collprovider collisdeterministic? \
         collencoding# collcollate collctype",
    ),
    (
        "pg_constraint",
        "oid# conname connamespace# contype condeferrable? condeferred? convalidated? conrelid# \
         contypid# conindid# conparentid# confrelid# confupdtype confdeltype confmatchtype \
         conislocal? coninhcount# connoinherit? conkey confkey conpfeqop conppeqop conffeqop \
         confdelsetcols conexclop conbin",
    ),
    ("pg_conversion", "oid# conname connamespace# conowner#"),
    (
        "pg_cursors",
        "name statement is_holdable? is_binary? is_scrollable?",
    ),
    ("pg_db_role_setting", "setdatabase# setrole# setconfig"),
    (
        "pg_default_acl",
        "oid# defaclrole# defaclnamespace# defaclobjtype defaclacl",
    ),
    (
        "pg_depend",
        "classid# objid# objsubid# refclassid# refobjid# refobjsubid# deptype",
    ),
    ("pg_description", "objoid# classoid# objsubid# description"),
    ("pg_enum", "oid# enumtypid# enumsortorder# enumlabel"),
    (
        "pg_event_trigger",
        "oid# evtname evtevent evtowner# evtfoid# evtenabled evttags",
    ),
    (
        "pg_extension",
        "oid# extname extowner# extnamespace# extrelocatable? extversion",
    ),
    (
        "pg_foreign_data_wrapper",
        "oid# fdwname fdwowner# fdwhandler# fdwvalidator# fdwacl fdwoptions",
    ),
    (
        "pg_foreign_server",
        "oid# srvname srvowner# srvfdw# srvtype srvversion srvacl srvoptions",
    ),
    ("pg_foreign_table", "ftrelid# ftserver# ftoptions"),
    (
        "pg_index",
        "indexrelid# indrelid# indnatts# indnkeyatts# indisunique? indnullsnotdistinct? \
         indisprimary? indisexclusion? indimmediate? indisclustered? indisvalid? indcheckxmin? \
         indisready? indislive? indisreplident? indkey indcollation indclass indoption indexprs \
         indpred",
    ),
    (
        "pg_indexes",
        "schemaname tablename indexname tablespace indexdef",
    ),
    (
        "pg_inherits",
        "inhrelid# inhparent# inhseqno# inhdetachpending?",
    ),
    (
        "pg_language",
        "oid# lanname lanowner# lanispl? lanpltrusted?",
    ),
    (
        "pg_locks",
        "locktype database# relation# pid# mode granted?",
    ),
    (
        "pg_matviews",
        "schemaname matviewname matviewowner tablespace hasindexes? ispopulated? definition",
    ),
    (
        "pg_opclass",
        "oid# opcmethod# opcname opcnamespace# opcdefault?",
    ),
    (
        "pg_operator",
        "oid# oprname oprnamespace# oprleft# oprright# oprresult#",
    ),
    (
        "pg_partitioned_table",
        "partrelid# partstrat partnatts# partdefid#",
    ),
    (
        "pg_policies",
        "schemaname tablename policyname permissive roles cmd qual with_check",
    ),
    (
        "pg_policy",
        "oid# polname polrelid# polcmd polpermissive? polroles polqual polwithcheck",
    ),
    ("pg_prepared_statements", "name statement from_sql?"),
    (
        "pg_proc",
        "oid# proname pronamespace# proowner# prolang# procost# prorows# provariadic# prosupport# \
         prokind prosecdef? proleakproof? proisstrict? proretset? provolatile proparallel \
         pronargs# pronargdefaults# prorettype# proargtypes proallargtypes proargmodes \
         proargnames proargdefaults prosrc probin proconfig proacl",
    ),
    ("pg_publication", "oid# pubname pubowner# puballtables?"),
    ("pg_publication_rel", "oid# prpubid# prrelid#"),
    (
        "pg_range",
        "rngtypid# rngsubtype# rngmultitypid# rngcollation# rngsubopc#",
    ),
    (
        "pg_rewrite",
        "oid# rulename ev_class# ev_type ev_enabled is_instead?",
    ),
    ("pg_rules", "schemaname tablename rulename definition"),
    (
        "pg_sequence",
        "seqrelid# seqtypid# seqstart# seqincrement# seqmax# seqmin# seqcache# seqcycle?",
    ),
    (
        "pg_sequences",
        "schemaname sequencename sequenceowner data_type last_value#",
    ),
    ("pg_shdescription", "objoid# classoid# description"),
    (
        "pg_stat_activity",
        "datid# datname pid# usename application_name state query",
    ),
    (
        "pg_stat_user_tables",
        "relid# schemaname relname n_live_tup# n_dead_tup#",
    ),
    (
        "pg_statistic_ext",
        "oid# stxrelid# stxname stxnamespace# stxkind",
    ),
    (
        "pg_trigger",
        "oid# tgrelid# tgname tgfoid# tgtype# tgenabled tgisinternal? tgconstraint#",
    ),
    ("pg_views", "schemaname viewname viewowner definition"),
    (
        "information_schema_views",
        "table_catalog table_schema table_name view_definition check_option is_updatable",
    ),
    (
        "information_schema_routines",
        "specific_catalog specific_schema specific_name routine_catalog routine_schema \
         routine_name routine_type data_type",
    ),
];

/// Tables of `information_schema` about constraints, with the columns that clients join.
pub(crate) const CONSTRAINTS: [(&str, &str); 8] = [
    (
        "information_schema_table_constraints",
        "constraint_catalog constraint_schema constraint_name table_catalog table_schema \
         table_name constraint_type is_deferrable initially_deferred enforced",
    ),
    (
        "information_schema_key_column_usage",
        "constraint_catalog constraint_schema constraint_name table_catalog table_schema \
         table_name column_name ordinal_position# position_in_unique_constraint#",
    ),
    (
        "information_schema_constraint_column_usage",
        "table_catalog table_schema table_name column_name constraint_catalog constraint_schema \
         constraint_name",
    ),
    (
        "information_schema_referential_constraints",
        "constraint_catalog constraint_schema constraint_name unique_constraint_catalog \
         unique_constraint_schema unique_constraint_name match_option update_rule delete_rule",
    ),
    (
        "information_schema_check_constraints",
        "constraint_catalog constraint_schema constraint_name check_clause",
    ),
    (
        "information_schema_sequences",
        "sequence_catalog sequence_schema sequence_name data_type start_value minimum_value \
         maximum_value increment cycle_option",
    ),
    (
        "information_schema_triggers",
        "trigger_catalog trigger_schema trigger_name event_manipulation event_object_schema \
         event_object_table action_statement",
    ),
    (
        "information_schema_parameters",
        "specific_catalog specific_schema specific_name ordinal_position# parameter_mode \
         parameter_name data_type",
    ),
];

/// Whether a table never has rows.
pub(crate) fn is_always_empty(table: &str) -> bool {
    let mut empty = EMPTY.iter().chain(&CONSTRAINTS);
    empty.any(|(name, _)| *name == table)
}
