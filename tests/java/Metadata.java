// PostgreSQL's JDBC driver as BI tools use it: DatabaseMetaData, prepared statements,
// arrays, pieces of a result.
//
// usage: java -cp postgresql.jar Metadata.java HOST:PORT
//
// The readings are those of sql_postgres.py.

import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;

public class Metadata {
    interface Rows {
        ResultSet rows() throws SQLException;
    }

    /** The values of some columns, joined by |, a line per row. */
    static List<String> lines(Rows rows, String... columns) throws SQLException {
        List<String> lines = new ArrayList<>();
        try (ResultSet found = rows.rows()) {
            while (found.next()) {
                List<String> cells = new ArrayList<>();
                for (String column : columns) {
                    cells.add(found.getString(column));
                }
                lines.add(String.join("|", cells));
            }
        }
        return lines;
    }

    static void equal(Object found, Object expected) {
        if (!expected.equals(found)) {
            throw new AssertionError(found + " instead of " + expected);
        }
    }

    public static void main(String[] arguments) throws SQLException {
        String url = "jdbc:postgresql://" + arguments[0] + "/weir?user=weir";
        try (Connection connection = DriverManager.getConnection(url)) {
            describes(connection.getMetaData());
            System.out.println("ok describes");
            connects(connection);
            System.out.println("ok connects");
            queries(connection);
            System.out.println("ok queries");
        }
    }

    static void describes(DatabaseMetaData meta) throws SQLException {
        equal(lines(meta::getCatalogs, "TABLE_CAT"), List.of("weir"));
        equal(lines(meta::getSchemas, "TABLE_SCHEM"), List.of("information_schema", "pg_catalog", "public"));
        equal(lines(() -> meta.getSchemas(null, "pub%"), "TABLE_SCHEM"), List.of("public"));
        String[] kinds = {"TABLE", "VIEW"};
        equal(
            lines(() -> meta.getTables(null, "public", "readings%", kinds), "TABLE_NAME", "TABLE_TYPE"),
            List.of("readings|TABLE", "readings_1h|TABLE", "readings_1m|TABLE"));
        equal(
            lines(() -> meta.getColumns(null, "public", "readings", "%"), "COLUMN_NAME", "TYPE_NAME", "ORDINAL_POSITION")
                .subList(0, 4),
            List.of("time|timestamptz|1", "device|text|2", "sensor|text|3", "value|float8|4"));
        // Weir has no keys, indexes, functions or types of its own.
        List<String> none = List.of();
        equal(lines(() -> meta.getPrimaryKeys(null, "public", "readings"), "COLUMN_NAME"), none);
        equal(lines(() -> meta.getImportedKeys(null, "public", "readings"), "FKCOLUMN_NAME"), none);
        equal(lines(() -> meta.getExportedKeys(null, "public", "readings"), "FKCOLUMN_NAME"), none);
        equal(lines(() -> meta.getCrossReference(null, "public", "alarms", null, "public", "readings"), "FKCOLUMN_NAME"), none);
        equal(lines(() -> meta.getIndexInfo(null, "public", "readings", false, true), "INDEX_NAME"), none);
        equal(lines(() -> meta.getBestRowIdentifier(null, "public", "readings", DatabaseMetaData.bestRowSession, true), "COLUMN_NAME"), none);
        equal(lines(() -> meta.getProcedures(null, "public", "%"), "PROCEDURE_NAME"), none);
        equal(lines(() -> meta.getProcedureColumns(null, "public", "%", "%"), "COLUMN_NAME"), none);
        equal(lines(() -> meta.getFunctions(null, "public", "%"), "FUNCTION_NAME"), none);
        equal(lines(() -> meta.getFunctionColumns(null, "public", "%", "%"), "COLUMN_NAME"), none);
        equal(lines(() -> meta.getUDTs(null, "public", "%", null), "TYPE_NAME"), none);
        List<String> types = lines(meta::getTypeInfo, "TYPE_NAME");
        equal(types.containsAll(List.of("text", "float8", "timestamptz", "int8", "_text")), true);
        equal(lines(() -> meta.getClientInfoProperties(), "NAME"), List.of("ApplicationName"));
        equal(meta.getMaxColumnsInIndex(), 32);
        equal(meta.getMaxTableNameLength(), 63);
        equal(meta.getSQLKeywords().contains("ilike"), true);
    }

    static void connects(Connection connection) throws SQLException {
        equal(connection.getSchema(), "public");
        equal(connection.getCatalog(), "weir");
        equal(connection.getTransactionIsolation(), Connection.TRANSACTION_READ_COMMITTED);
        equal(connection.isValid(60), true);
        connection.setReadOnly(true);
        connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        connection.setSchema("public");
        connection.setClientInfo("ApplicationName", "test");
    }

    static void queries(Connection connection) throws SQLException {
        String any = "SELECT count(*) AS n FROM readings WHERE device = ANY(?)";
        try (PreparedStatement statement = connection.prepareStatement(any)) {
            statement.setArray(1, connection.createArrayOf("text", new String[] {"pump-1", "pump-9"}));
            equal(lines(statement::executeQuery, "n"), List.of("4"));
        }
        String since = "SELECT value FROM readings WHERE sensor = ? AND time >= ? AND value > ? ORDER BY time, device";
        try (PreparedStatement statement = connection.prepareStatement(since)) {
            equal(statement.getMetaData().getColumnType(1), Types.DOUBLE);
            // The driver prepares it by name from the fifth time on, and then reads binary.
            for (int run = 0; run < 7; run++) {
                statement.setString(1, "x");
                statement.setTimestamp(2, new Timestamp(1790000060000L));
                statement.setDouble(3, 1.5);
                equal(lines(statement::executeQuery, "value"), List.of("2.5", "2.5"));
            }
        }
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(2);
            equal(lines(() -> statement.executeQuery("SELECT device FROM readings"), "device").size(), 7);
        }
        connection.commit();
    }
}
