import java.io.StringReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.postgresql.PGConnection;

/** What the JDBC driver does, through the proxy in either mode: ends with "ok". */
public class Client {
    public static void main(String[] args) throws Exception {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT")
            + "/databricks_postgres?user=app&ApplicationName=java&prepareThreshold=3";
        List<Connection> open = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            open.add(DriverManager.getConnection(url + (i % 2 == 0 ? "&sslmode=prefer" : "&sslmode=disable")));
        }
        for (int n = 0; n < 12; n++) { // beyond prepareThreshold, the driver names its statements
            for (Connection c : open) {
                try (PreparedStatement s = c.prepareStatement("SELECT ?::int * 2, current_setting('application_name')")) {
                    s.setInt(1, n);
                    check(s, 2 * n, "java");
                }
            }
        }
        Connection c = open.get(0);
        try (Statement s = c.createStatement()) {
            s.execute("DROP TABLE IF EXISTS java_rows");
            s.execute("CREATE TABLE java_rows (n int)");
        }
        c.setAutoCommit(false);
        try (PreparedStatement s = c.prepareStatement("INSERT INTO java_rows VALUES (?)")) {
            for (int n = 0; n < 1000; n++) {
                s.setInt(1, n);
                s.addBatch();
            }
            s.executeBatch();
        }
        c.commit();
        c.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY java_rows FROM STDIN", new StringReader("7\n8\n"));
        c.commit();
        try (Statement s = c.createStatement()) {
            s.setFetchSize(100); // a portal that is read in pieces
            int rows = 0;
            for (ResultSet r = s.executeQuery("SELECT n FROM java_rows"); r.next();) {
                rows++;
            }
            if (rows != 1002) {
                throw new Exception(rows + " rows");
            }
        }
        c.commit();
        c.setAutoCommit(true);
        try (Statement s = c.createStatement()) {
            s.setQueryTimeout(1);
            s.execute("SELECT pg_sleep(60)");
            throw new Exception("the query was not cancelled");
        } catch (SQLException e) {
            if (!"57014".equals(e.getSQLState())) {
                throw e;
            }
        }
        for (Connection o : open) {
            o.close();
        }
        System.out.println("ok");
    }

    private static void check(PreparedStatement s, int want, String name) throws Exception {
        try (ResultSet r = s.executeQuery()) {
            r.next();
            if (r.getInt(1) != want || !name.equals(r.getString(2))) {
                throw new Exception(r.getInt(1) + " " + r.getString(2));
            }
        }
    }
}
