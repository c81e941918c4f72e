-- What is made after the rows: indexes, views and the trigger, which must not fire while they are written.

CREATE UNIQUE INDEX users_email ON users (lower(email));
CREATE INDEX users_organization ON users (organization_id) WHERE is_active = 1;
CREATE UNIQUE INDEX contracts_running ON contracts (organization_id, sku) WHERE ends_on IS NULL;
CREATE INDEX tickets_opened ON tickets (opened_at DESC);
CREATE INDEX tickets_waiting ON tickets (assignee_id, priority) WHERE status IN ('open', 'pending');
CREATE INDEX tickets_requester ON tickets (requester_id, id DESC);
CREATE INDEX messages_ticket ON messages (ticket_id, sent_at);
CREATE INDEX attachments_message ON attachments (message_id);
CREATE INDEX ticket_tags_tag ON ticket_tags (tag_id);
CREATE INDEX notifications_unread ON notifications (user_id) WHERE NOT is_read;
CREATE INDEX articles_title ON articles (title COLLATE NOCASE);

CREATE VIEW open_tickets AS
SELECT t.id, t.subject, o.name AS organization, r.name AS requester, a.name AS assignee, c.name AS category,
       t.priority, t.opened_at
  FROM tickets t
  JOIN organizations o ON o.id = t.organization_id
  JOIN users r ON r.id = t.requester_id
  LEFT JOIN users a ON a.id = t.assignee_id
  LEFT JOIN categories c ON c.id = t.category_id
 WHERE t.status IN ('open', 'pending');

CREATE VIEW agent_load AS
SELECT u.id, u.name,
       count(t.id) AS tickets,
       sum(CASE WHEN t.status IN ('open', 'pending') THEN 1 ELSE 0 END) AS waiting,
       sum(CASE WHEN t.priority = 1 AND t.status = 'open' THEN 1 ELSE 0 END) AS urgent,
       round(avg(t.satisfaction), 2) AS satisfaction
  FROM users u
  LEFT JOIN tickets t ON t.assignee_id = u.id
 WHERE u.role <> 'customer' AND u.is_active = 1
 GROUP BY u.id, u.name;

CREATE TRIGGER messages_touch_their_ticket AFTER INSERT ON messages
BEGIN
    UPDATE tickets SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.ticket_id;
END;
